use crate::{
    failure::{Failure, Result},
    settings::Settings,
};

/// A template as it is named on the command line: `namespace/name@version`, the version and, where the settings have
/// one, the namespace left out if one likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) version: Option<String>,
}

impl Reference {
    pub(crate) fn parse(text: &str, settings: &Settings) -> Result<Self> {
        let fault = |reason: &str| {
            Err(Failure::usage(
                format!("`{text}` names no template: {reason}"),
                "write namespace/name or namespace/name@1.0.0",
            ))
        };
        let (path, version) = match text.split_once('@') {
            Some((path, version)) => (path, Some(version.to_owned())),
            None => (text, None),
        };
        let (namespace, name) = match (path.split_once('/'), &settings.namespace) {
            (Some(both), _) => both,
            (None, Some(namespace)) => (namespace.as_str(), path),
            (None, None) => return fault("the namespace is missing"),
        };
        if namespace.is_empty() || name.is_empty() || name.contains('/') || version.as_deref() == Some("") {
            return fault("a part is empty, or there is one too many");
        }
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned(), version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(namespace: Option<&str>) -> Settings {
        Settings {
            store_flag: None,
            store: None,
            api: None,
            api_flag: None,
            environment: None,
            namespace: namespace.map(str::to_owned),
            template_path: None,
            http_address: None,
            nats: None,
            api_key: None,
            log: String::new(),
            log_format: None,
        }
    }

    #[test]
    fn version_and_namespace_may_be_left_out() {
        let reference = |text: &str, namespace| {
            let found = Reference::parse(text, &settings(namespace)).ok()?;
            Some(format!("{} {} {:?}", found.namespace, found.name, found.version))
        };
        assert_eq!(reference("shop/order", None).as_deref(), Some("shop order None"));
        assert_eq!(reference("shop/order@1.2.0", Some("x")).as_deref(), Some("shop order Some(\"1.2.0\")"));
        assert_eq!(reference("order", Some("shop")).as_deref(), Some("shop order None"));
        for wrong in ["order", "/order", "shop/", "shop/order@", "shop/a/b"] {
            assert_eq!(reference(wrong, None), None, "{wrong}");
        }
    }
}
