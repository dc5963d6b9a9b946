//! What a browser does that a raw client does not: one keep-alive connection, cookies, forms, the Origin header.

use std::collections::BTreeMap;

use crate::support::{Client, Response, Server};

/// A browser that knows the site under the address of one server.
pub struct Browser {
    client: Client,
    pub host: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new(server: &Server) -> Browser {
        let host = server.address().to_string();
        Browser { client: server.connect(), host, cookies: BTreeMap::new() }
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    pub fn get(&mut self, path: &str) -> Response {
        self.request("GET", path, "", b"")
    }

    /// `headers` are lines that end in CRLF.
    pub fn get_with(&mut self, path: &str, headers: &str) -> Response {
        self.request("GET", path, headers, b"")
    }

    pub fn head(&mut self, path: &str) -> Response {
        self.request("HEAD", path, "", b"")
    }

    /// Loads the form at this path, fills it in and sends it off, with its CSRF token.
    pub fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let token = self.token(path);
        let mut body = format!("csrfmiddlewaretoken={token}");
        for (name, value) in fields {
            body += &format!("&{name}={}", form_encode(value));
        }
        self.post(path, "application/x-www-form-urlencoded", body.as_bytes())
    }

    /// Loads the form at this path and uploads a file with it.
    pub fn upload(&mut self, path: &str, file_name: &str, content: &[u8]) -> Response {
        let token = self.token(path);
        let boundary = "----a-boundary-that-is-in-no-file";
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n{token}\r\n\
             --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(content);
        body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        self.post(path, &format!("multipart/form-data; boundary={boundary}"), &body)
    }

    /// Posts a body of this type, with the headers that a browser adds.
    pub fn post(&mut self, path: &str, content_type: &str, body: &[u8]) -> Response {
        let host = &self.host;
        let headers = format!(
            "Content-Type: {content_type}\r\nContent-Length: {}\r\nOrigin: http://{host}\r\nReferer: http://{host}{path}\r\n",
            body.len()
        );
        self.request("POST", path, &headers, body)
    }

    /// The CSRF token of the form at this path.
    pub fn token(&mut self, path: &str) -> String {
        let page = self.get(path);
        assert_eq!(page.status, 200, "no form at {path}: {}", page.text());
        let text = page.text();
        let (_, rest) =
            text.split_once("name=\"csrfmiddlewaretoken\" value=\"").expect("a CSRF token in the form");
        rest.split('"').next().unwrap().to_owned()
    }

    fn request(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Response {
        let host = &self.host;
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies =
            if cookies.is_empty() { String::new() } else { format!("Cookie: {}\r\n", cookies.join("; ")) };
        self.client.send(format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{cookies}{headers}\r\n"));
        self.client.send(body);
        let response = self.client.response_to(method);
        let response = response.unwrap_or_else(|| panic!("{method} {path}: the connection was closed"));
        assert!(!response.incomplete, "{method} {path}: the answer broke off: {:?}", response.text());
        for cookie in response.headers("set-cookie") {
            let (name, rest) = cookie.split_once('=').expect("a cookie has a name");
            let value = rest.split(';').next().unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }
}

fn form_encode(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded.push(char::from(byte)),
            b' ' => encoded.push('+'),
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}
