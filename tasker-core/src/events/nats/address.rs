use async_nats::{ConnectOptions, ServerAddr};
use percent_encoding::percent_decode_str;

use super::NatsError;

/// The servers that a URL names, and the options to connect to them as it says.
pub(super) fn servers(url: &str) -> Result<(Vec<ServerAddr>, ConnectOptions), NatsError> {
    let address = |text: &str| text.trim().parse::<ServerAddr>().map_err(|_| NatsError::Url(without_secrets(text)));
    let servers = url.split(',').map(address).collect::<Result<Vec<_>, _>>()?;
    let options = ConnectOptions::new();
    let Some(first) = servers.first() else { return Ok((servers, options)) };
    // As in every URL, what would separate its parts is written `%` and two digits.
    let decoded = |text: Option<&str>| text.map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
    let options = match (decoded(first.username()), decoded(first.password())) {
        (Some(user), Some(password)) => options.user_and_password(user, password),
        (Some(token), None) => options.token(token),
        (None, _) => options,
    };
    Ok((servers, options))
}

/// A URL as it may be printed.
fn without_secrets(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_servers_are_named_with_commas() {
        let hosts =
            |url| servers(url).unwrap().0.iter().map(|it| (it.host().to_owned(), it.port())).collect::<Vec<_>>();
        assert_eq!(hosts("nats://a:1,b:2"), [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        assert_eq!(hosts("tls://user:word@a"), [("a".to_owned(), 4222)]);
    }

    #[cfg(feature = "test-support")]
    #[tokio::test]
    async fn user_and_password_are_those_of_the_url() {
        let Some(server) = crate::events::throwaway::NatsServer::guarded("a:b", "p@ss/w%rd") else { return };
        let connect = async |user| {
            let (servers, options) = servers(&server.url().replace("://", &format!("://{user}@"))).unwrap();
            options.connect(servers).await.map(drop)
        };
        assert!(connect("a%3Ab:p%40ss%2Fw%25rd").await.is_ok());
        assert!(connect("a:b").await.is_err());
    }

    #[test]
    fn an_unusable_url_is_told_without_its_secrets() {
        let Err(NatsError::Url(told)) = servers("http://user:word@a") else { panic!("it is refused") };
        assert_eq!(told, "http://a");
    }
}
