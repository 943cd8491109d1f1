# frozen_string_literal: true

# Makes the gems: `ruby package.rb [source] [native]`, into target/. The native gem takes the library that
# scripts/build-ruby.sh has put into lib/, for the version of Ruby and the platform that this runs on.

require "fileutils"
require "rubygems/package"

# A gem is packed in a folder of its own, which holds what is in it and nothing else.
class Packing
  HERE = __dir__
  ROOT = File.expand_path("..", HERE)
  # What the native part is built of.
  CRATES = %w[tasker-core tasker-worker bindings-ruby].freeze

  def initialize(kind)
    @kind = kind
    @folder = File.join(HERE, "target", kind)
    FileUtils.rm_rf(@folder)
    FileUtils.mkdir_p(@folder)
    @spec = Gem::Specification.load(File.join(HERE, "tasker-rb.gemspec"))
  end

  # The path of the gem.
  def make
    @spec.files.each { |file| take(File.join(HERE, file), file) }
    @kind == "source" ? add_source : add_library
    Dir.chdir(@folder) do
      file = Gem::Package.build(@spec)
      FileUtils.mv(file, File.join(HERE, "target"))
      File.join(HERE, "target", file)
    end
  end

  private

  def take(from, file)
    to = File.join(@folder, file)
    FileUtils.mkdir_p(File.dirname(to))
    FileUtils.cp(from, to)
  end

  def add(*files)
    @spec.files += files
  end

  # A workspace of what is needed, with the versions of the lock file. tasker-core holds migrations and pages about errors.
  def add_source
    listing = ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"]
    tracked = IO.popen([*listing, *CRATES, "migrations", "docs/errors", "LICENSE"], &:readlines)
    files = tracked.map(&:chomp).grep(%r{\A(migrations|docs/errors|[a-z-]+/src)/|/Cargo.toml\z|/build.rs\z|\ALICENSE\z})
    files.each { |file| take(File.join(ROOT, file), file) }
    files.grep(/Cargo\.toml\z/).each { |file| leave_out_tests(File.join(@folder, file)) }
    add("ext/tasker_core/extconf.rb")
    take(File.join(HERE, "ext/tasker_core/extconf.rb"), "ext/tasker_core/extconf.rb")
    add(*files, "Cargo.toml", *lock)
    @spec.extensions = ["ext/tasker_core/extconf.rb"]
  end

  # Tests and examples, and what only they need, are not in the gem.
  def leave_out_tests(manifest)
    sections = File.read(manifest).split(/^(?=\[)/)
    kept = sections.grep_v(/\A(\[\[(test|bench|example)\]\]|\[dev-dependencies)/)
    File.write(manifest, kept.join)
  end

  # Cargo takes out of the lock file what the smaller workspace does not need, and changes nothing else.
  def lock
    manifest = File.read(File.join(ROOT, "Cargo.toml"))
    manifest.sub!(/^members = .*?\]$/m, "members = #{CRATES.inspect}")
    manifest.sub!(/^default-members = .*?\]$\n/m, "")
    File.write(File.join(@folder, "Cargo.toml"), manifest)
    FileUtils.cp(File.join(ROOT, "Cargo.lock"), @folder)
    metadata = ["cargo", "metadata", "--format-version", "1", "--manifest-path", File.join(@folder, "Cargo.toml")]
    system(*metadata, "--offline", out: File::NULL, err: File::NULL) || system(*metadata, out: File::NULL) ||
      abort("package: cargo could not read the smaller workspace")
    ["Cargo.lock"]
  end

  def add_library
    minor = RUBY_VERSION[/\A\d+\.\d+/]
    library = "lib/tasker_core/#{minor}/tasker_core.#{RbConfig::CONFIG['DLEXT']}"
    path = File.join(HERE, library)
    abort("package: #{path} is missing: run scripts/build-ruby.sh first") unless File.exist?(path)

    take(path, library)
    # What debuggers read is most of its size. Where there is no `strip`, the gem is larger.
    system("strip", "--strip-unneeded", File.join(@folder, library))
    add(library)
    @spec.platform = Gem::Platform.local
    @spec.required_ruby_version = ["~> #{minor}.0"]
  end
end

kinds = ARGV.empty? ? %w[source native] : ARGV
kinds.each do |kind|
  abort("package: say source or native, and not #{kind}") unless %w[source native].include?(kind)
  puts Packing.new(kind).make
end
