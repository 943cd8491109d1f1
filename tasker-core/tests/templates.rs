//! The templates in `tests/templates`: each faulty one is refused at the places that its first line names, each valid one
//! comes out as the JSON beside it. Set `TASKER_BLESS=1` to write what is compared with files anew.

use std::{env, fs, path::Path, path::PathBuf};

use serde_json::Value;
use tasker_core::template::{FaultCode, Faults, Template, json_schema, parse, to_yaml};

/// What the JSON Schema for editors cannot see: matters of the text itself, between fields, or inside of schemas.
const BEYOND_THE_SCHEMA: [FaultCode; 18] = [
    FaultCode::TooLarge,
    FaultCode::EmptyFile,
    FaultCode::BadYaml,
    FaultCode::TabIndentation,
    FaultCode::TooDeep,
    FaultCode::SeveralDocuments,
    FaultCode::TagRefused,
    FaultCode::DuplicateKey,
    FaultCode::BadNumber,
    FaultCode::ReservedName,
    FaultCode::DuplicateStep,
    FaultCode::UnknownDependency,
    FaultCode::SelfDependency,
    FaultCode::DuplicateDependency,
    FaultCode::DependencyCycle,
    FaultCode::UnknownStep,
    FaultCode::BadSchema,
    FaultCode::RemoteReference,
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files with an extension in a folder of `tests/templates`, by name.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = root().join("tasker-core/tests/templates").join(folder);
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

fn name_of(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8")
}

/// Compares with a file that is checked in, or writes it.
fn compare(file: &Path, actual: &str) {
    if env::var_os("TASKER_BLESS").is_some() {
        fs::write(file, actual).expect("the file can be written");
    }
    let expected = fs::read_to_string(file).unwrap_or_default();
    assert!(
        actual == expected,
        "{} is out of date; run with TASKER_BLESS=1 and look at the difference",
        file.display()
    );
}

/// The value as users wrote it, for checking by the schema: YAML with nothing but what JSON has.
fn as_json(text: &str) -> Option<Value> {
    let yaml: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    let mut yaml = yaml;
    yaml.apply_merge().ok()?;
    serde_json::to_value(yaml).ok()
}

fn faults(file: &Path) -> Faults {
    let text = fs::read_to_string(file).expect("the file is text");
    parse(&text, name_of(file)).expect_err(name_of(file))
}

#[test]
fn faulty_templates_are_refused_at_the_places_they_name() {
    let files = files("faulty", "yaml");
    assert!(files.len() >= 50, "only {} faulty templates", files.len());
    let mut wrong = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).expect("the file is text");
        let expected = text.lines().next().and_then(|line| line.strip_prefix("# expect: ")).unwrap_or("(none)");
        let found = faults(file).faults;
        let found: Vec<String> = found.iter().map(|f| format!("{}@{}:{}", f.code, f.line, f.column)).collect();
        if found.join(" ") != expected {
            wrong.push(format!("{}: expected {expected}, found {}", name_of(file), found.join(" ")));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The one place where the texts of messages are compared, so that they can be read together.
#[test]
fn messages_are_as_reviewed() {
    let mut all = String::new();
    for file in files("faulty", "yaml") {
        let faults = faults(&file);
        for fault in &faults.faults {
            all.push_str(&format!("{}:{fault}\n    at {:?}\n", faults.source_name, fault.path));
        }
        all.push('\n');
    }
    compare(&root().join("tasker-core/tests/templates/faulty/MESSAGES.txt"), &all);
}

#[test]
fn valid_templates_come_out_in_canonical_form() {
    let files = files("valid", "yaml");
    assert!(!files.is_empty());
    for file in files {
        let text = fs::read_to_string(&file).expect("the file is text");
        let template = parse(&text, name_of(&file)).unwrap_or_else(|faults| panic!("{faults}"));
        let json = serde_json::to_string_pretty(&template).expect("a template is JSON") + "\n";
        compare(&file.with_extension("json"), &json);
        let stored: Template = serde_json::from_str(&json).expect("what is stored can be read");
        assert_eq!(stored, template, "{}", name_of(&file));
        let shown = to_yaml(&template);
        assert_eq!(parse(&shown, "shown").unwrap_or_else(|faults| panic!("{faults}\n{shown}")), template);
    }
}

#[test]
fn the_schema_for_editors_agrees_with_the_parser() {
    let validator = jsonschema::draft202012::new(&json_schema()).expect("it is a schema");
    for file in files("valid", "yaml") {
        let text = fs::read_to_string(&file).expect("the file is text");
        // A second reader of YAML, so that the two do not share their faults.
        let value = as_json(&text).unwrap_or_else(|| panic!("{} is YAML", name_of(&file)));
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", name_of(&file));
    }
    for file in files("faulty", "yaml") {
        let text = fs::read_to_string(&file).expect("the file is text");
        let seen = faults(&file).faults.iter().any(|fault| !BEYOND_THE_SCHEMA.contains(&fault.code));
        if let (true, Some(value)) = (seen, as_json(&text)) {
            assert!(!validator.is_valid(&value), "{} satisfies the schema", name_of(&file));
        }
    }
}

#[test]
fn the_schema_for_editors_is_checked_in() {
    let schema = serde_json::to_string_pretty(&json_schema()).expect("a schema is JSON") + "\n";
    compare(&root().join("docs/reference/template.schema.json"), &schema);
}

#[test]
fn every_fault_code_is_explained_and_shown_by_a_template() {
    let page = fs::read_to_string(root().join("docs/errors/template-faults.md")).expect("the page is there");
    let shown = fs::read_to_string(root().join("tasker-core/tests/templates/faulty/MESSAGES.txt")).unwrap_or_default();
    for code in FaultCode::ALL {
        assert!(page.contains(&format!("| `{code}` |")), "docs/errors/template-faults.md lacks {code}");
        // Too large to be checked in; see `budgets_are_kept`.
        let large = matches!(code, FaultCode::TooLarge | FaultCode::TooManySteps);
        assert!(large || shown.contains(&format!(": {code}: ")), "no faulty template shows {code}");
    }
}
