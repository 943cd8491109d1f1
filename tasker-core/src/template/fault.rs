use std::fmt;

use serde::Serialize;

use super::document::cut;

/// Everything that is wrong with one template, in the order of the text.
///
/// What to do: show all of it (the `Display` form has a line for each fault) and mend the file; nothing was registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// What the caller called the text: a path, or a name such as `<request>`.
    pub source_name: String,
    /// Never empty, sorted by position, and never more than [`Faults::MOST`].
    pub faults: Vec<Fault>,
}

impl Faults {
    /// Faults of one template that are reported at once.
    pub const MOST: usize = 1_000;

    pub(super) fn new(source_name: &str, mut faults: Vec<Fault>) -> Self {
        faults.sort_by(|a, b| (a.line, a.column, a.code.as_str()).cmp(&(b.line, b.column, b.code.as_str())));
        // A text that aliases repeat is read once for each place, but is to be mended in one.
        faults.dedup_by(|b, a| a.at() == b.at() && a.code == b.code && a.message == b.message);
        faults.truncate(Self::MOST);
        Self { source_name: source_name.to_owned(), faults }
    }
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{}:{fault}", self.source_name)?;
        }
        Ok(())
    }
}

/// One thing that is wrong, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub code: FaultCode,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// The place in the document, as it is written there: `steps[2].retry.max_attempts`; empty for the whole.
    pub path: String,
    pub message: String,
    pub remedy: String,
}

impl Fault {
    pub(super) fn new(
        code: FaultCode,
        mark: Mark,
        path: impl fmt::Display,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        // Keys may be as long as the file, and every fault repeats them.
        let path = cut(&path.to_string(), 400);
        Self { code, line: mark.line, column: mark.column, path, message: message.into(), remedy: remedy.into() }
    }

    fn at(&self) -> (u32, u32) {
        (self.line, self.column)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, line, column, message, remedy, .. } = self;
        write!(f, "{line}:{column}: {code}: {message} ({remedy})")
    }
}

macro_rules! fault_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+) => {
        /// What kind of fault it is: stable words to branch on. Each is explained in docs/errors/template-faults.md.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FaultCode {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl FaultCode {
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

fault_codes! {
    /// Larger than `limits::TEMPLATE_BYTES`: split the workflow.
    TooLarge = "too_large",
    /// No content at all: write a template.
    EmptyFile = "empty_file",
    /// Not YAML: mend the syntax at the place named.
    BadYaml = "bad_yaml",
    /// A tab where YAML wants spaces: indent with spaces.
    TabIndentation = "tab_indentation",
    /// Nested deeper than anything a template holds: flatten it.
    TooDeep = "too_deep",
    /// More than one document in the file: one file for each template.
    SeveralDocuments = "several_documents",
    /// A YAML tag: remove it, and quote the value if text is meant.
    TagRefused = "tag_refused",
    /// The same key twice in one mapping: keep one.
    DuplicateKey = "duplicate_key",
    /// A key that is not plain text: write a name.
    BadKey = "bad_key",
    /// A number that JSON cannot hold: write a finite one of at most 64 bits, or quote it.
    BadNumber = "bad_number",
    /// An alias within the value that it names: write the value out.
    AliasToItself = "alias_to_itself",
    /// Aliases that unfold to too much: write the values out, or repeat less.
    AliasesTooLarge = "aliases_too_large",
    /// A merge key without a mapping: merge mappings only.
    BadMerge = "bad_merge",
    /// A value of another type than the field has: write the one that is expected.
    WrongType = "wrong_type",
    /// A field that a template has to have: add it.
    MissingField = "missing_field",
    /// A field that no template has: rename or remove it.
    UnknownField = "unknown_field",
    /// Two fields that say the same: keep one.
    ConflictingFields = "conflicting_fields",
    /// A word that is not among those allowed: choose one of them.
    UnknownValue = "unknown_value",
    /// A number beyond its limits: choose one within.
    OutOfRange = "out_of_range",
    /// A name with the wrong characters or length: rename.
    BadName = "bad_name",
    /// A namespace with the wrong characters or length: rename.
    BadNamespace = "bad_namespace",
    /// Not a semantic version: write three numbers, such as 1.0.0.
    BadVersion = "bad_version",
    /// A name that has a meaning of its own: choose another.
    ReservedName = "reserved_name",
    /// No steps: add one.
    NoSteps = "no_steps",
    /// More than `limits::TEMPLATE_STEPS`: split the workflow.
    TooManySteps = "too_many_steps",
    /// Two steps of one name: rename one.
    DuplicateStep = "duplicate_step",
    /// A dependency on a step that is not there: correct the name.
    UnknownDependency = "unknown_dependency",
    /// A step that depends on itself: remove the dependency.
    SelfDependency = "self_dependency",
    /// The same dependency twice: remove one.
    DuplicateDependency = "duplicate_dependency",
    /// Steps that wait for one another: remove one of the dependencies.
    DependencyCycle = "dependency_cycle",
    /// An environment that changes a step that is not there: correct the name.
    UnknownStep = "unknown_step",
    /// Not a JSON Schema of 2020-12: mend the keyword named.
    BadSchema = "bad_schema",
    /// Not an expression of CEL, or one that names what is not there: correct it.
    BadExpression = "bad_expression",
    /// A field that steps of this type do not have, or lack: see what the type needs.
    WrongForType = "wrong_for_type",
    /// A reference that leads out of the schema: put the definition under `$defs`.
    RemoteReference = "remote_reference",
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for FaultCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A place in the text; both numbers from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl Mark {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

/// The way from the top of the document to a node. It lives on the stack and becomes text only for a fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path<'a> {
    Top,
    Field(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
    /// What a JSON pointer says, from there on.
    Pointer(&'a Path<'a>, &'a str),
}

impl<'a> Path<'a> {
    pub(super) fn field(&'a self, name: &'a str) -> Self {
        Self::Field(self, name)
    }

    pub(super) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Field(Path::Top, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Self::Pointer(parent, pointer) => {
                write!(f, "{parent}")?;
                pointer.split('/').skip(1).try_for_each(|token| match token.parse::<usize>() {
                    Ok(index) => write!(f, "[{index}]"),
                    Err(_) => write!(f, ".{}", token.replace("~1", "/").replace("~0", "~")),
                })
            }
        }
    }
}
