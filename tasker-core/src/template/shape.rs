//! How a field is described: the parser checks by these descriptions, and the JSON Schema for editors is made of them.

/// A mapping with named fields.
pub(super) struct Table {
    /// What it is called in messages and in the JSON Schema: `step`.
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) fields: &'static [Field],
    /// Of each group exactly one has to be given.
    pub(super) one_of: &'static [&'static [&'static str]],
    /// Of each pair at most one may be given; the first is the one to keep.
    pub(super) apart: &'static [(&'static str, &'static str)],
}

#[derive(Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    pub(super) required: bool,
    pub(super) shape: Shape,
    pub(super) about: &'static str,
    /// A value as one would write it in YAML, for remedies and for editors.
    pub(super) example: &'static str,
}

#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// Anything at all: the field has no effect.
    Inert,
    Text,
    /// Text with a rule on its characters.
    Word(Rule),
    Boolean,
    Whole {
        least: u64,
        most: u64,
    },
    /// A number more than `above` (or `least` where it may be equal), and at most `most`.
    Number {
        bound: Bound,
        most: f64,
    },
    Choice(&'static [&'static str]),
    /// A mapping whose content is the user's own.
    Configuration,
    /// A JSON Schema of 2020-12.
    Schema,
    /// An expression in CEL.
    Expression,
    /// A mapping from keys of the user's choice to expressions in CEL.
    Expressions,
    /// Step names: one, a list, or a list of `{step: name}`.
    StepNames,
    Object(&'static Table),
    ListOf(&'static Table),
    /// A mapping from names of the user's choice.
    MapOf(&'static Table),
}

#[derive(Clone, Copy)]
pub(super) enum Bound {
    Above(f64),
    Least(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    Name,
    /// A name, or `ALL`.
    StepChoice,
    Namespace,
    Version,
    /// A name that programs know: no spaces.
    Callable,
    /// Such a name in the older dialect, where `WorkflowHandler` says the type of the step instead.
    HandlerClass,
}

impl Table {
    /// The field of that name or alias.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.names().any(|known| known == name))
    }

    /// Every name by which a field may be written.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().flat_map(Field::names)
    }

    /// `a step`, `an event`.
    pub(super) fn with_article(&self) -> String {
        let article = if self.name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        format!("{article} {}", self.name)
    }

    /// The names to offer to somebody who has to choose one.
    pub(super) fn offered(&self) -> String {
        let wanted = self.fields.iter().filter(|field| !matches!(field.shape, Shape::Inert));
        wanted.map(|field| field.name).collect::<Vec<_>>().join(", ")
    }

    /// The nested mapping in which a field of that name belongs: `retry` for `max_attempts`.
    pub(super) fn home_of(&self, name: &str) -> Option<&'static str> {
        let inner = |field: &Field| match field.shape {
            Shape::Object(table) => table.field(name).is_some(),
            _ => false,
        };
        self.fields.iter().find(|field| inner(field)).map(|field| field.name)
    }
}

impl Field {
    pub(super) const fn new(name: &'static str, shape: Shape, example: &'static str, about: &'static str) -> Self {
        Self { name, aliases: &[], required: false, shape, about, example }
    }

    pub(super) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    pub(super) const fn or(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

impl Shape {
    /// What a value has to be, for a message.
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Inert => "anything".into(),
            Self::Text | Self::Word(_) => "text".into(),
            Self::Expression => "an expression, which is text".into(),
            Self::Expressions => "a mapping from keys to expressions".into(),
            Self::Boolean => "true or false".into(),
            Self::Whole { least, most } => format!("a whole number from {least} to {most}"),
            Self::Number { bound: Bound::Above(above), most } => format!("a number above {above}, at most {most}"),
            Self::Number { bound: Bound::Least(least), most } => format!("a number from {least} to {most}"),
            Self::Choice(words) => one_of(words),
            Self::Configuration | Self::Object(_) => "a mapping".into(),
            Self::Schema => "a JSON Schema, which is a mapping".into(),
            Self::StepNames => "a list of step names".into(),
            Self::ListOf(table) => format!("a list of {}s", table.name),
            Self::MapOf(table) => format!("a mapping from names to {}s", table.name),
        }
    }
}

impl Rule {
    pub(super) fn accepts(self, text: &str) -> bool {
        let first = |ok: fn(char) -> bool| text.starts_with(ok);
        let all = |ok: fn(char) -> bool| text.chars().all(ok);
        match self {
            Self::Name | Self::StepChoice => {
                text.len() <= 128
                    && first(|c| c.is_ascii_alphanumeric() || c == '_')
                    && all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
            }
            Self::Namespace => {
                text.len() <= 64
                    && first(|c| c.is_ascii_alphabetic() || c == '_')
                    && all(|c| c.is_ascii_alphanumeric() || c == '_')
            }
            Self::Version => semver::Version::parse(text).is_ok(),
            Self::Callable | Self::HandlerClass => {
                !text.is_empty() && text.chars().count() <= 256 && all(|c| !c.is_whitespace() && !c.is_control())
            }
        }
    }

    /// The rule in words.
    pub(super) fn wants(self) -> &'static str {
        match self {
            Self::Name | Self::StepChoice => {
                "1 to 128 letters, digits, `_`, `-` and `.`, beginning with a letter, a digit or `_`"
            }
            Self::Namespace => "1 to 64 letters, digits and `_`, not beginning with a digit",
            Self::Version => "three numbers, such as 1.0.0",
            Self::Callable | Self::HandlerClass => "1 to 256 characters without spaces",
        }
    }

    /// The rule as a regular expression of JSON Schema.
    pub(super) fn pattern(self) -> &'static str {
        match self {
            Self::Name | Self::StepChoice => "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$",
            Self::Namespace => "^[A-Za-z_][A-Za-z0-9_]{0,63}$",
            Self::Version => concat!(
                r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)",
                r"(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?",
                r"(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$"
            ),
            Self::Callable | Self::HandlerClass => r"^\S{1,256}$",
        }
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".into(),
        [word] => format!("`{word}`"),
        [words @ .., last] => {
            let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            format!("{} or `{last}`", quoted.join(", "))
        }
    }
}
