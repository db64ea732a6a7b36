use std::fmt;
use std::net::Ipv6Addr;

/// Where a device is served: `HOST:PORT` or `HOST:PORT/n`, its number among those that are served there, 0 if it is not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteAddress {
    host: String,
    port: u16,
    index: usize,
}

impl RemoteAddress {
    /// Reads `HOST:PORT[/n]`; an IPv6 address stands in brackets. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (server, index) = match text.split_once('/') {
            Some((server, index)) => (server, usize::from(number(index)?)),
            None => (text, 0),
        };
        let (host, port) = server.rsplit_once(':')?;
        let port = number(port).filter(|port| *port > 0)?;
        is_host(host).then(|| Self { host: host.to_owned(), port, index })
    }

    /// The server, `HOST:PORT`.
    #[must_use]
    pub fn server(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The number of the device among those of the server.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }
}

impl fmt::Display for RemoteAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}:{}/{}", self.host, self.port, self.index)
    }
}

/// Digits alone: no sign, which the standard library would take.
fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Whether this is a name, an IPv4 address, or an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            text.bytes().all(plain) && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_others_are_not() {
        for (text, server, index) in [
            ("127.0.0.1:3000", "127.0.0.1:3000", 0),
            ("gpu-1.lab:80/2", "gpu-1.lab:80", 2),
            ("[::1]:3000", "[::1]:3000", 0),
            ("[fe80::1]:3000/7", "[fe80::1]:3000", 7),
        ] {
            let address = RemoteAddress::parse(text).unwrap();
            assert_eq!((address.server().as_str(), address.index()), (server, index));
            assert_eq!(RemoteAddress::parse(&address.to_string()), Some(address));
        }
        for text in [
            "",
            "host",
            "host:",
            ":3000",
            "host:0",
            "host:65536",
            "host:+80",
            "host:80/",
            "host:80/-1",
            "host:80/x",
            "host:80/1/2",
            "::1:3000",
            "[::1]",
            "[::x]:80",
            "[127.0.0.1]:80",
            "user@host:80",
            "ws://host:80",
            "-host:80",
            "ho st:80",
        ] {
            assert_eq!(RemoteAddress::parse(text), None, "{text}");
        }
    }
}
