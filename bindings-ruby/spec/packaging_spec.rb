# frozen_string_literal: true

require "open3"
require "rbconfig"
require "rubygems/package"
require "preparation"

# The gems that people install, each in a folder of gems of its own, with no source tree beside it.
RSpec.describe "the gem" do
  hello = File.read(File.expand_path("../README.md", __dir__))[/^```ruby\n(.*?)^```/m, 1]

  def run(*command, env: {}, chdir: @folder)
    out, status = Open3.capture2e(env, *command, chdir: chdir)
    raise "#{command.join(' ')} failed:\n#{out}" unless status.success?

    out
  end

  def made(kind)
    run(RbConfig.ruby, File.expand_path("../package.rb", __dir__), kind).lines.last.chomp
  end

  def installed_hello(gem, program, env = {})
    home = File.join(@folder, "home")
    gems = { "GEM_HOME" => home, "GEM_PATH" => home, "RUBYLIB" => nil, "RUBYOPT" => nil }
    run("gem", "install", "--local", "--no-document", gem, env: { **gems, **env })
    path = File.join(@folder, "hello.rb")
    File.write(path, program)
    out, err, status = Open3.capture3(gems, RbConfig.ruby, path, chdir: @folder)
    expect([status.exitstatus, err, out]).to eq([0, "", "Hello, Ada!\n"])
    run("gem", "contents", "tasker-rb", env: gems).lines.map(&:chomp)
  end

  it "is made for this platform, and runs the script of its README" do
    files = installed_hello(made("native"), hello)
    expect(files.grep(/\.(rs|toml)\z/)).to eq([])
    expect(files.grep(/tasker_core\.#{RbConfig::CONFIG['DLEXT']}\z/).size).to eq(1)
  end

  it "is made of its source, which cargo builds when it is installed" do
    # With what the tests have built, so that only the crates of the workspace are built again.
    target = ENV.fetch("CARGO_TARGET_DIR", File.join(ROOT, "target"))
    env = { "TASKER_CARGO_PROFILE" => "dev", "CARGO_TARGET_DIR" => target }
    files = installed_hello(made("source"), hello, env)
    expect(files.grep(/extconf\.rb\z/).size).to eq(1)
    expect(files.grep(%r{/(tasker-cli|node_modules|target)/})).to eq([])
  end

  it "has nothing of the server and of the command line in it" do
    listed = Gem::Package.new(made("source")).spec.files
    manifest = File.expand_path("../target/source/Cargo.toml", __dir__)
    tree = run("cargo", "tree", "--manifest-path", manifest, "--package", "tasker-ruby", "--edges", "normal",
               "--prefix", "none")
    expect(tree).to include("tokio v")
    expect(tree).not_to match(/^(axum|clap|utoipa|pyo3|napi) v/)
    expect(listed).to include("Cargo.lock", "Cargo.toml", "bindings-ruby/src/lib.rs", "tasker-core/src/lib.rs")
  end
end
