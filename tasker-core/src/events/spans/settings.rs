//! Where spans go, as OpenTelemetry's own variables say it.

use std::time::Duration;

use reqwest::{
    Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use thiserror::Error;

/// Where spans go, and under which name.
#[derive(Clone, Debug)]
pub struct SpanOptions {
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    /// How long the collector has to answer.
    pub(super) patience: Duration,
    /// What all spans are of.
    pub(super) resource: Vec<(String, String)>,
}

/// Why no spans can be exported.
#[derive(Debug, Error)]
pub enum SpansError {
    /// Mend the variable or the flag that it names.
    #[error("{name} says `{value}`, which {reason}")]
    Setting { name: &'static str, value: String, reason: String },
    /// The system's certificates cannot be read. Install them (`ca-certificates`).
    #[error("the system's certificates cannot be used: {0}")]
    Tls(String),
}

impl SpansError {
    /// A stable word to branch on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "otlp_setting_invalid",
            Self::Tls(_) => "tls_unusable",
        }
    }

    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Setting { .. } => {
                "name a collector that takes OTLP over HTTP: --otlp http://127.0.0.1:4318, and see docs/reference/traces.md"
            }
            Self::Tls(_) => "install the package of your system that has certificates in it (ca-certificates)",
        }
    }
}

const FLAG: &str = "--otlp";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PATIENCE: Duration = Duration::from_secs(10);

impl SpanOptions {
    /// What a flag and the variables of the environment say; none if they name no collector, or turn tracing off.
    ///
    /// # Errors
    /// [`SpansError::Setting`].
    pub fn read(flag: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, SpansError> {
        // A variable that is set to nothing counts as not set.
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value.trim() == "none");
        let (name, value) = match (flag, variable(TRACES_ENDPOINT), variable(ENDPOINT)) {
            (Some(flag), ..) => (FLAG, flag.to_owned()),
            _ if is_off => return Ok(None),
            (None, Some(url), _) => (TRACES_ENDPOINT, url),
            (None, None, Some(url)) => (ENDPOINT, url),
            (None, None, None) => return Ok(None),
        };
        // Of one signal and one of all signals, that of the one counts.
        let either = |of_traces: &'static str, of_all: &'static str| {
            let of = |name| variable(name).map(|value| (name, value));
            of(of_traces).or_else(|| of(of_all))
        };
        if let Some((name, value)) = either("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
            && value.trim() != "http/protobuf"
        {
            return Err(setting(name, &value, "is not spoken here: `http/protobuf` is"));
        }
        let url = url(name, &value)?;
        let headers = match either("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS") {
            Some((name, value)) => headers(name, &value)?,
            None => HeaderMap::new(),
        };
        let patience = match either("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT") {
            Some((name, value)) => {
                let milliseconds = value.trim().parse().ok().filter(|milliseconds| *milliseconds > 0);
                Duration::from_millis(
                    milliseconds.ok_or_else(|| setting(name, &value, "is no number of milliseconds"))?,
                )
            }
            None => PATIENCE,
        };
        let resource = resource(variable("OTEL_SERVICE_NAME"), variable("OTEL_RESOURCE_ATTRIBUTES"))?;
        Ok(Some(Self { url, headers, patience, resource }))
    }

    /// The collector's address, without a password.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut url = self.url.clone();
        // A URL that has a host can be changed so.
        let _ = (url.set_password(None), url.set_username(""));
        url.set_query(None);
        url.to_string()
    }
}

fn setting(name: &'static str, value: &str, reason: &str) -> SpansError {
    SpansError::Setting { name, value: value.to_owned(), reason: reason.to_owned() }
}

fn url(name: &'static str, value: &str) -> Result<Url, SpansError> {
    // It may have a password in it.
    let refused = |reason| setting(name, "...", reason);
    let mut url = Url::parse(value.trim()).map_err(|_| refused("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(refused("is not the URL of a collector: http://host:4318 or https://host:4318"));
    }
    // An address for all signals is that of the folder; one for traces is used as it is.
    if name != TRACES_ENDPOINT {
        let folder = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{folder}/v1/traces"));
    }
    Ok(url)
}

fn headers(name: &'static str, value: &str) -> Result<HeaderMap, SpansError> {
    let mut headers = HeaderMap::new();
    for (key, value) in pairs(name, value)? {
        let key = HeaderName::try_from(key.as_str());
        let value = HeaderValue::try_from(value);
        // The value may be a secret.
        let (Ok(key), Ok(mut value)) = (key, value) else {
            return Err(setting(name, "...", "has something in it that no header can have"));
        };
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(headers)
}

fn resource(service: Option<String>, attributes: Option<String>) -> Result<Vec<(String, String)>, SpansError> {
    let mut resource = attributes.map_or(Ok(Vec::new()), |text| pairs("OTEL_RESOURCE_ATTRIBUTES", &text))?;
    if service.is_some() || !resource.iter().any(|(key, _)| key == "service.name") {
        resource.retain(|(key, _)| key != "service.name");
        resource.push(("service.name".to_owned(), service.unwrap_or_else(|| "tasker".to_owned())));
    }
    if !resource.iter().any(|(key, _)| key == "service.version") {
        resource.push(("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
    }
    Ok(resource)
}

/// `key=value` with commas between, values in the encoding of URLs.
fn pairs(name: &'static str, text: &str) -> Result<Vec<(String, String)>, SpansError> {
    let pair = |part: &str| {
        let (key, value) = part.split_once('=')?;
        let key = key.trim();
        (!key.is_empty()).then(|| Some((key.to_owned(), decoded(value.trim())?)))?
    };
    let parts = text.split(',').filter(|part| !part.trim().is_empty());
    let reason = "is not `key=value` with commas between, and `%` with two digits for what else stands there";
    parts.map(|part| pair(part).ok_or_else(|| setting(name, "...", reason))).collect()
}

/// A text with `%` and two digits in place of its bytes.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flag: Option<&str>, variables: &[(&str, &str)]) -> Result<Option<SpanOptions>, SpansError> {
        SpanOptions::read(flag, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_address_is_a_folder_unless_it_is_that_of_traces_alone() {
        let url = |flag, variables: &[_]| read(flag, variables).expect("fit").map(|it| it.url.to_string());
        assert_eq!(url(None, &[]), None);
        assert_eq!(url(None, &[(ENDPOINT, "")]), None);
        let all = (ENDPOINT, "http://all:4318/x/");
        assert_eq!(url(None, &[all]).as_deref(), Some("http://all:4318/x/v1/traces"));
        let one = (TRACES_ENDPOINT, "https://one/x");
        assert_eq!(url(None, &[all, one]).as_deref(), Some("https://one/x"));
        assert_eq!(url(Some("http://flag:1"), &[all, one]).as_deref(), Some("http://flag:1/v1/traces"));
        for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
            assert_eq!(url(None, &[all, off]), None);
            assert!(url(Some("http://flag:1"), &[all, off]).is_some());
        }
    }

    #[test]
    fn headers_and_the_resource_are_read_as_the_standard_says() {
        let variables = [
            (ENDPOINT, "http://user:secret@all:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20a%3D, x-team = shop"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=test"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
        ];
        let options = read(None, &variables).expect("fit").expect("options");
        assert_eq!(options.headers["authorization"], "Bearer a=");
        assert_eq!(options.headers["x-team"], "shop");
        assert_eq!(options.patience, Duration::from_millis(250));
        let of = |options: &SpanOptions, key: &str| {
            options.resource.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone())
        };
        assert_eq!(of(&options, "service.name").as_deref(), Some("other"));
        assert_eq!(of(&options, "deployment.environment.name").as_deref(), Some("test"));
        assert!(!options.describe().contains("secret"));
        let named = read(None, &[&variables[..], &[("OTEL_SERVICE_NAME", "orders")]].concat());
        assert_eq!(of(&named.expect("fit").expect("options"), "service.name").as_deref(), Some("orders"));
        let plain = read(Some("http://all:4318"), &[]).expect("fit").expect("options");
        assert_eq!(of(&plain, "service.name").as_deref(), Some("tasker"));
    }

    #[test]
    fn what_is_not_understood_is_refused_and_secrets_are_not_repeated() {
        let broken = [
            (ENDPOINT, "secret"),
            (ENDPOINT, "grpc://secret:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "secret"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=%zzsecret"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "b c=secret"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_RESOURCE_ATTRIBUTES", "=secret"),
        ];
        for variable in broken {
            let error = read(None, &[variable, (ENDPOINT, "http://all:4318")]).expect_err("is refused");
            assert_eq!(error.code(), "otlp_setting_invalid");
            assert!(error.to_string().contains(variable.0) && !error.to_string().contains("secret"), "{error}");
        }
    }
}
