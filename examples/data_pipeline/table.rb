# frozen_string_literal: true

require "csv"
require "fileutils"
require "securerandom"
require "tasker_core"

module DataPipeline
  # A CSV file that a step made: where it is, and how many rows it has without the header. Steps hand each other the path.
  Table = Struct.new(:path, :rows, keyword_init: true) do
    # Writes Hashes with the same keys to a new file.
    def self.write(path, columns, rows)
      write_whole(path) do |out|
        out << columns.join(",") << "\n"
        rows.each { |row| out << row.values_at(*columns).join(",") << "\n" }
      end
      new(path: path, rows: rows.size)
    end

    # Writes a file so that nobody ever sees a part of it: tasks that run side by side may share a directory.
    def self.write_whole(path, &fill)
      FileUtils.mkdir_p(File.dirname(path))
      part = "#{path}.#{SecureRandom.hex(8)}.part"
      File.open(part, "w", &fill)
      File.rename(part, path)
    ensure
      FileUtils.rm_f(part)
    end

    # Each row as a Hash with Symbols as keys; whole numbers are Integers, and what is empty is nil.
    def each_row(&block)
      return enum_for(:each_row) unless block

      CSV.foreach(path, headers: true, header_converters: :symbol, converters: :integer) { |row| block.call(row.to_h) }
    rescue CSV::MalformedCSVError => e
      raise TaskerCore::Errors::PermanentError.new("#{path}: #{e.message}", error_code: "broken_table")
    end

    # The path of a file beside this one: +orders-1.csv+ becomes +orders-1.{suffix}.csv+.
    def beside(suffix)
      path.sub(/\.csv\z/, ".#{suffix}.csv")
    end
  end
end
