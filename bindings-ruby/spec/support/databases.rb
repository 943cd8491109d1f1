# frozen_string_literal: true

require "securerandom"
require "uri"

# Databases of both kinds, one for each use.
module Databases
  FIND = File.expand_path("../../../scripts/find-postgres.sh", __dir__)
  # PostgreSQL where scripts/with-postgres.sh has started one.
  KINDS = ENV.key?("TASKER_TEST_DATABASE_URL") ? %i[sqlite postgres] : %i[sqlite]

  def database_url(kind = :sqlite)
    kind == :sqlite ? "sqlite:#{@folder}/#{SecureRandom.hex(4)}.db" : Databases.postgres_url
  end

  # Closed when the example ends.
  def open_tasker(url = database_url, **options)
    (@taskers ||= []) << TaskerCore.open(url, environment: "test", **options)
    @taskers.last
  end

  def close_taskers
    (@taskers || []).each { |tasker| tasker.close(grace: 5) }
  end

  def self.postgres_url
    cluster = ENV.fetch("TASKER_TEST_DATABASE_URL")
    name = "ruby_#{SecureRandom.hex(6)}"
    # Not every installation has it beside the server.
    psql = [File.join(`#{FIND}`.chomp, "psql"), "psql"].find { |path| system(path, "--version", out: File::NULL) }
    made = psql && system(psql, cluster, "--quiet", "--command", "create database #{name}", out: File::NULL)
    raise "no database could be made in the cluster" unless made

    URI(cluster).tap { |url| url.path = "/#{name}" }.to_s
  end
end
