//! Expressions in CEL: a total language, over the task's input and the results of steps.

use std::{collections::BTreeMap, fmt, sync::Arc};

use cel::{
    Context, IdedExpr, Program,
    common::ast::{EntryExpr, Expr},
    objects::{Key, Map},
};
use serde_json::Value;

use super::nearest::nearest;

/// Characters of one expression.
const LENGTH: usize = 2_000;

/// What every expression may name.
const VARIABLES: [&str; 2] = ["input", "results"];

/// The functions of CEL that there are; operators are not among them.
const FUNCTIONS: [&str; 14] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "uint",
    "double",
    "bool",
    "bytes",
    "type",
    "min",
    "max",
];

/// An expression that was parsed, with what it reads.
pub struct Expression {
    text: String,
    program: Program,
    /// The names after one of the variables, where the expression is nothing else: `input.order.lines`.
    path: Option<Vec<String>>,
    /// The steps whose results it reads.
    steps: Vec<String>,
    reads_all_results: bool,
}

/// The values that an expression reads.
pub struct Scope<'a> {
    pub input: &'a Value,
    /// By the step's name; steps without a result are not among them.
    pub results: &'a BTreeMap<Arc<str>, Arc<Value>>,
}

impl Expression {
    /// # Errors
    /// Why it is no expression, or what it names that there is not; and what to do about it.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        if text.len() > LENGTH {
            let message = format!("the expression has {} characters; {LENGTH} are allowed", text.len());
            return Err((message, "let a step compute it, and name its result".into()));
        }
        let program = Program::compile(text).map_err(|errors| {
            let reason = errors.errors.first().map(|error| error.msg.clone()).unwrap_or_default();
            // The list of every token that could stand there helps nobody.
            let reason = reason.lines().next().unwrap_or_default();
            let reason = reason.split(" expecting ").next().unwrap_or_default().to_owned();
            (format!("not an expression of CEL: {reason}"), "write, for example, `input.amount > 100`".to_owned())
        })?;
        let references = program.references();
        let mut reads = Reads::default();
        reads.walk(program.expression());
        if let Some(name) = reads.unknown.as_deref() {
            let remedy = match nearest(name, VARIABLES) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "an expression reads `input` and `results.STEP`; put text in quotes".to_owned(),
            };
            return Err((format!("the expression names `{name}`, which is not there"), remedy));
        }
        let mut functions: Vec<&str> = references.functions();
        functions.retain(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()) && !FUNCTIONS.contains(name));
        functions.sort_unstable();
        if let Some(name) = functions.first() {
            let remedy = match nearest(name, FUNCTIONS) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("use one of: {}", FUNCTIONS.join(", ")),
            };
            return Err((format!("the expression calls `{name}`, which is no function"), remedy));
        }
        reads.steps.sort_unstable();
        reads.steps.dedup();
        let path = path_of(program.expression());
        Ok(Self { text: text.to_owned(), path, steps: reads.steps, reads_all_results: reads.all, program })
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The steps whose results it names.
    #[must_use]
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    /// Whether it reads `results` as a whole, so that the steps are not known beforehand.
    #[must_use]
    pub fn reads_all_results(&self) -> bool {
        self.reads_all_results
    }

    /// Where the value is, if the expression is nothing but the way to it: a variable's name, and the keys after it.
    #[must_use]
    pub fn path(&self) -> Option<&[String]> {
        self.path.as_deref()
    }

    /// # Errors
    /// Why it has no value: a key that is missing, operands that do not go together.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, String> {
        match &self.path {
            Some(path) => follow(path, scope),
            None => self.execute(scope),
        }
    }

    fn execute(&self, scope: &Scope<'_>) -> Result<Value, String> {
        let results = scope.results.iter().filter(|(name, _)| self.reads_all_results || self.names(name));
        let results = results.map(|(name, value)| (Key::from(name.to_string()), to_cel(value)));
        let mut context = Context::default();
        context.add_variable_from_value("input", to_cel(scope.input));
        context.add_variable_from_value("results", cel::Value::Map(Map { map: Arc::new(results.collect()) }));
        let value = self.program.execute(&context).map_err(|error| error.to_string())?;
        to_json(&value)
    }

    fn names(&self, step: &str) -> bool {
        self.steps.iter().any(|named| named == step)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

/// What an expression reads.
#[derive(Default)]
struct Reads {
    steps: Vec<String>,
    /// `results` as a whole.
    all: bool,
    /// The first variable that there is not.
    unknown: Option<String>,
    /// What macros such as `map` name.
    bound: Vec<String>,
}

impl Reads {
    fn walk(&mut self, node: &IdedExpr) {
        match &node.expr {
            Expr::Ident(name) if self.bound.contains(name) => {}
            Expr::Ident(name) => {
                self.all |= name == "results";
                if !VARIABLES.contains(&name.as_str()) {
                    self.unknown.get_or_insert_with(|| name.clone());
                }
            }
            Expr::Select(select) if is_results(&select.operand) => self.steps.push(select.field.clone()),
            Expr::Select(select) => self.walk(&select.operand),
            Expr::Call(call) => match call.args.as_slice() {
                [of, IdedExpr { expr: Expr::Literal(key), .. }] if call.func_name == "_[_]" && is_results(of) => {
                    match key {
                        cel::common::ast::LiteralValue::String(key) => self.steps.push(key.inner().to_owned()),
                        _ => self.all = true,
                    }
                }
                args => call.target.as_deref().into_iter().chain(args).for_each(|node| self.walk(node)),
            },
            Expr::List(list) => list.elements.iter().for_each(|node| self.walk(node)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Struct(of) => of.entries.iter().for_each(|entry| self.entry(&entry.expr)),
            Expr::Comprehension(over) => {
                [&over.iter_range, &over.accu_init].into_iter().for_each(|node| self.walk(node));
                let known = self.bound.len();
                let names = [Some(&over.iter_var), over.iter_var2.as_ref(), Some(&over.accu_var)];
                self.bound.extend(names.into_iter().flatten().cloned());
                [&over.loop_cond, &over.loop_step, &over.result].into_iter().for_each(|node| self.walk(node));
                self.bound.truncate(known);
            }
            _ => {}
        }
    }

    fn entry(&mut self, entry: &EntryExpr) {
        match entry {
            EntryExpr::MapEntry(entry) => [&entry.key, &entry.value].into_iter().for_each(|node| self.walk(node)),
            EntryExpr::StructField(field) => self.walk(&field.value),
        }
    }
}

fn is_results(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Ident(name) if name == "results")
}

fn path_of(node: &IdedExpr) -> Option<Vec<String>> {
    match &node.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) if !select.test => {
            let mut path = path_of(&select.operand)?;
            path.push(select.field.clone());
            Some(path)
        }
        _ => None,
    }
}

/// The value at the end of a path, as it is written: numbers and the order of keys survive.
fn follow(path: &[String], scope: &Scope<'_>) -> Result<Value, String> {
    let missing = |key: &String| format!("No such key: {key}");
    let (mut value, rest) = match path {
        [variable] if variable == "input" => return Ok(scope.input.clone()),
        [_] => {
            let all = scope.results.iter().map(|(name, value)| (name.to_string(), Value::clone(value)));
            return Ok(Value::Object(all.collect()));
        }
        [variable, rest @ ..] if variable == "input" => (scope.input, rest),
        [_, step, rest @ ..] => (&**scope.results.get(step.as_str()).ok_or_else(|| missing(step))?, rest),
        [] => return Ok(Value::Null),
    };
    for key in rest {
        value = value.get(key).ok_or_else(|| missing(key))?;
    }
    Ok(value.clone())
}

/// Whole numbers are `int`, as they are written in expressions.
fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => cel::Value::Int(whole),
            (None, Some(whole)) => cel::Value::UInt(whole),
            _ => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| (Key::from(key.clone()), to_cel(value)));
            cel::Value::Map(Map { map: Arc::new(fields.collect()) })
        }
    }
}

/// The keys of mappings come in alphabetical order, so that the same values give the same text.
fn to_json(value: &cel::Value) -> Result<Value, String> {
    Ok(match value {
        cel::Value::List(items) => Value::Array(items.iter().map(to_json).collect::<Result<_, _>>()?),
        cel::Value::Map(map) => {
            let fields = map.map.iter().map(|(key, value)| Ok((key.to_string(), to_json(value)?)));
            let sorted = fields.collect::<Result<BTreeMap<_, _>, String>>()?;
            Value::Object(sorted.into_iter().collect())
        }
        cel::Value::Null => Value::Null,
        cel::Value::Bool(value) => Value::Bool(*value),
        cel::Value::Int(value) => (*value).into(),
        cel::Value::UInt(value) => (*value).into(),
        cel::Value::Float(value) if value.is_finite() => (*value).into(),
        cel::Value::String(text) => Value::String(text.to_string()),
        other => return Err(format!("the value {other:?} cannot be written as JSON")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Result<Value, String> {
        let input = json!({"amount": 120, "lines": [{"z": 1, "a": 2.50}], "who": {"name": "ann"}});
        let results = BTreeMap::from([("rate".into(), Arc::new(json!({"factor": 1.5, "ok": true})))]);
        Expression::parse(text).unwrap().evaluate(&Scope { input: &input, results: &results })
    }

    #[test]
    fn input_and_results_are_read() {
        assert_eq!(value("input.amount > 100 && results.rate.ok"), Ok(json!(true)));
        assert_eq!(value("results['rate'].factor * 2.0"), Ok(json!(3.0)));
        assert_eq!(value("has(results.other) ? 1 : 2"), Ok(json!(2)));
        assert_eq!(value("input.lines.map(line, line.z + 1)"), Ok(json!([2])));
        assert_eq!(
            value("{'b': input.who.name, 'a': 1}").map(|value| value.to_string()),
            Ok(r#"{"a":1,"b":"ann"}"#.into())
        );
    }

    #[test]
    fn a_path_leaves_the_value_as_it_is_written() {
        assert_eq!(value("input.lines").map(|value| value.to_string()), Ok(r#"[{"z":1,"a":2.5}]"#.into()));
        assert!(value("input.lines.first").is_err());
        assert!(value("results.none").is_err());
    }

    #[test]
    fn what_it_reads_is_known_beforehand() {
        let read = |text| {
            let expression = Expression::parse(text).unwrap();
            (expression.steps().join(" "), expression.reads_all_results())
        };
        assert_eq!(read("results.b.x + results['a'].y"), ("a b".into(), false));
        assert_eq!(read("input.items.exists(i, i == results.c)"), ("c".into(), false));
        assert_eq!(read("size(results) > 2"), (String::new(), true));
    }

    #[test]
    fn what_is_not_there_is_refused_before_it_runs() {
        for text in ["inputs.amount", "input.amount >", "amount", "input.name.starts_with('a')", "sise(input)"] {
            assert!(Expression::parse(text).is_err(), "{text}");
        }
    }
}
