use std::{
    fs,
    io::{self, Read},
};

use serde_json::{Map, Value};
use tasker_core::model::{Json, limits};

use crate::failure::{Failure, Result};

/// The input of a task: `JSON`, `@file` or `-` for standard input, with `key=value` pairs put in.
pub(super) fn read(input: Option<&str>, pairs: &[String]) -> Result<Json> {
    let text = match input {
        None => "{}".to_owned(),
        Some("-") => read_text("standard input", &mut io::stdin().lock())?,
        Some(argument) => match argument.strip_prefix('@') {
            Some(path) => {
                let mut file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
                read_text(path, &mut file)?
            }
            None => argument.to_owned(),
        },
    };
    let json = Json::parse(text).map_err(|error| {
        Failure::usage(
            "the input is not JSON",
            "write --input '{\"key\": \"value\"}', --input @file.json, or --set key=value",
        )
        .with_cause(error)
    })?;
    if pairs.is_empty() {
        // As it was written: numbers keep their digits, keys their order.
        return Ok(json);
    }
    let mut value = json.to_value();
    pairs.iter().try_for_each(|pair| set(&mut value, pair))?;
    Ok(Json::from(&value))
}

/// An input with values put in.
pub(super) fn changed(input: &Json, pairs: &[String]) -> Result<Json> {
    let mut value = input.to_value();
    pairs.iter().try_for_each(|pair| set(&mut value, pair))?;
    Ok(Json::from(&value))
}

/// Puts `a.b.c=value` in. The value is JSON where it can be read as such, and text where not.
fn set(target: &mut Value, pair: &str) -> Result<()> {
    let fault = |message: String| Failure::usage(message, "write --set key=value, or --set outer.inner=value");
    let (path, text) = pair.split_once('=').ok_or_else(|| fault(format!("`{pair}` has no `=`")))?;
    let mut place = target;
    for key in path.split('.') {
        if key.is_empty() {
            return Err(fault(format!("`{pair}` has an empty key")));
        }
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        place = match place {
            Value::Object(fields) => fields.entry(key).or_insert(Value::Null),
            Value::Array(items) => {
                let index = key.parse::<usize>().ok();
                let item = index.and_then(|index| items.get_mut(index));
                item.ok_or_else(|| fault(format!("`{pair}`: there is no item {key}")))?
            }
            _ => {
                return Err(fault(format!(
                    "`{pair}`: what is there is neither an object nor a list, so that it has no `{key}`"
                )));
            }
        };
    }
    *place = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    Ok(())
}

fn read_text(name: &str, reader: &mut dyn Read) -> Result<String> {
    let mut text = String::new();
    let limit = limits::PAYLOAD_BYTES as u64;
    let size = reader.take(limit + 1).read_to_string(&mut text).map_err(|error| unreadable(name, &error))?;
    if size as u64 > limit {
        let message = format!("the input in {name} has more than {limit} bytes");
        return Err(Failure::new("field_invalid", message, "store it elsewhere, and pass where"));
    }
    Ok(text)
}

fn unreadable(name: &str, error: &io::Error) -> Box<Failure> {
    let message = format!("{name} cannot be read");
    Failure::new("file_unreadable", message, "correct the path, or make the file readable").with_cause(error)
}

#[cfg(test)]
mod tests {
    use super::read;

    fn with(input: &str, pairs: &[&str]) -> Option<String> {
        let pairs: Vec<_> = pairs.iter().map(|pair| (*pair).to_owned()).collect();
        read(Some(input), &pairs).ok().map(|json| json.as_str().to_owned())
    }

    #[test]
    fn an_input_without_pairs_stays_as_it_was_written() {
        assert_eq!(
            with(r#"{"b": 1.50, "a":12345678901234567890123}"#, &[]).as_deref(),
            Some(r#"{"b": 1.50, "a":12345678901234567890123}"#)
        );
    }

    #[test]
    fn pairs_are_put_where_they_say() {
        let input = r#"{"items":[{"sku":"a"}],"note":null}"#;
        let pairs = ["items.0.quantity=3", "customer.name=Ada", "note.by=me", "express=true", "eq=a=b"];
        let expected = r#"{"items":[{"sku":"a","quantity":3}],"note":{"by":"me"},"customer":{"name":"Ada"},"express":true,"eq":"a=b"}"#;
        assert_eq!(with(input, &pairs).as_deref(), Some(expected));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (input, pair) in
            [("{}", "a"), ("{}", "=1"), ("{}", "a..b=1"), (r#"{"a":1}"#, "a.b=1"), (r#"{"a":[]}"#, "a.0=1")]
        {
            assert_eq!(with(input, &[pair]), None, "{pair}");
        }
        assert_eq!(with("{", &[]), None);
    }
}
