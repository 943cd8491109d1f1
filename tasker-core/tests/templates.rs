//! The templates in `tests/templates`: each faulty one is refused at the places that its first line names, each valid one
//! comes out as the JSON beside it. Set `TASKER_BLESS=1` to write what is compared with files anew.

use std::{env, fs, path::Path, path::PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};
use tasker_core::{
    dag::Graph,
    model::limits,
    template::{FaultCode, Faults, Template, json_schema, parse, to_yaml},
};

/// What the JSON Schema for editors cannot see: matters of the text itself, between fields, or inside of schemas.
const BEYOND_THE_SCHEMA: [FaultCode; 20] = [
    FaultCode::BadExpression,
    FaultCode::WrongForType,
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

/// A template of `count` steps, each of which depends on those up to `reach` before it.
fn chain(count: usize, reach: usize) -> String {
    let step = |index: usize| {
        let before: Vec<String> = (index.saturating_sub(reach)..index).map(|index| format!("s{index}")).collect();
        format!("  - {{name: s{index}, handler: {{callable: h}}, dependencies: [{}]}}\n", before.join(", "))
    };
    let steps: String = (0..count).map(step).collect();
    format!("name: big\nnamespace: test\nversion: 1.0.0\nsteps:\n{steps}")
}

fn codes(text: &str) -> Vec<FaultCode> {
    parse(text, "text").map_or_else(|faults| faults.faults.iter().map(|fault| fault.code).collect(), |_| vec![])
}

#[test]
fn budgets_are_kept() {
    let largest = chain(limits::TEMPLATE_STEPS, 4);
    assert_eq!(codes(&largest), []);
    assert_eq!(codes(&chain(limits::TEMPLATE_STEPS + 1, 0)), [FaultCode::TooManySteps]);
    let padding = "#".repeat(limits::TEMPLATE_BYTES - largest.len());
    assert_eq!(codes(&(largest.clone() + &padding)), []);
    assert_eq!(codes(&(largest + &padding + "#")), [FaultCode::TooLarge]);
    let nonsense: String = (0..limits::TEMPLATE_STEPS * 2).map(|index| format!("nonsense_{index}: 1\n")).collect();
    assert_eq!(codes(&nonsense).len(), Faults::MOST);
}

#[test]
fn a_cycle_through_every_step_is_reported_once() {
    let count = limits::TEMPLATE_STEPS;
    let closing = format!("s0, handler: {{callable: h}}, dependencies: [s{}]", count - 1);
    let text = chain(count, 1).replacen("s0, handler: {callable: h}, dependencies: []", &closing, 1);
    assert_eq!(codes(&text), [FaultCode::DependencyCycle]);
}

/// Every text that can be written in a template, and what a slip of the hand makes of it.
fn edited() -> impl Strategy<Value = String> {
    let mut texts: Vec<String> =
        ["valid", "faulty"].into_iter().flat_map(|folder| files(folder, "yaml")).map(read).collect();
    texts.sort();
    let edit = (any::<prop::sample::Index>(), 0..12_usize, "[-:&*!|>'\"{}\\[\\],?#%@ \t\n<~a0.é]{0,4}");
    (prop::sample::select(texts), prop::collection::vec(edit, 0..6)).prop_map(|(mut text, edits)| {
        for (at, removed, inserted) in edits {
            let chars: Vec<char> = text.chars().collect();
            let start = at.index(chars.len() + 1);
            let end = (start + removed).min(chars.len());
            text = chars[..start].iter().copied().chain(inserted.chars()).chain(chars[end..].iter().copied()).collect();
        }
        text
    })
}

fn read(file: PathBuf) -> String {
    fs::read_to_string(file).expect("the file is text")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_a_template_or_faults_within_it(text in edited()) {
        match parse(&text, "edited") {
            Ok(template) => prop_assert!(Graph::new(&template).is_ok(), "a checked template has a graph"),
            Err(faults) => {
                prop_assert!(!faults.faults.is_empty());
                let lines = u32::try_from(text.lines().count()).unwrap_or(u32::MAX);
                for fault in &faults.faults {
                    prop_assert!((1..=lines + 1).contains(&fault.line) && fault.column >= 1, "{fault}");
                }
            }
        }
    }

    #[test]
    fn what_is_shown_reads_back_as_the_same_template(texts in prop::collection::vec("\\PC{0,12}|[-0-9.exo_~+]{1,6}|yes|<<|[a-c :#\n]{0,9}|.{0,5}", 6), number in any::<f64>()) {
        let mut template = parse(&chain(3, 1), "chain").expect("a valid template");
        template.description = Some(texts[0].clone());
        let map: serde_json::Map<_, _> = texts.windows(2).map(|pair| (pair[0].clone(), json!(pair[1]))).collect();
        template.steps[1].handler.initialization = Some(json!({"map": map, "list": texts, "number": number}));
        template.steps[2].timeout_seconds = Some(0.25);
        let shown = to_yaml(&template);
        match parse(&shown, "shown") {
            Ok(read) => prop_assert_eq!(read, template, "{}", shown),
            Err(faults) => prop_assert!(false, "{faults}\n{shown}"),
        }
    }
}
