//! What the packages for other languages are built of.

use std::{path::Path, process::Command};

/// The crates that become packages.
const PACKAGES: &[&str] = &["tasker-py", "tasker-ruby", "tasker-node"];
/// What belongs to a server or to a command, and only makes packages larger.
const LEFT_OUT: &[&str] = &["axum", "clap", "utoipa", "prometheus-client", "opentelemetry-proto", "prost"];

#[test]
fn packages_have_nothing_of_the_server_and_of_the_command_in_them() {
    for package in PACKAGES {
        let tree = ["tree", "--offline", "--locked", "--package", package, "--edges", "normal", "--prefix", "none"];
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let output = Command::new(env!("CARGO")).args(tree).current_dir(root).output().expect("cargo runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let listed = String::from_utf8(output.stdout).expect("names of crates");
        let crates: Vec<_> = listed.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(crates.contains(&"tasker-worker"), "{package} is made of {crates:?}");
        let found: Vec<_> = LEFT_OUT.iter().filter(|name| crates.contains(name)).collect();
        assert!(found.is_empty(), "{package} has {found:?} in it: leave features of tasker-core out");
    }
}
