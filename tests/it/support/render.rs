//! The text form of an answer: what is compared with an expectation. It keeps every byte that matters (status line,
//! headers in order and spelling, body) and replaces what no two runs share: dates, ports, directories, boundaries,
//! and the product's name, which is the one difference that touches every answer (`differences::NAME`).
//!
//! Two things that nearly every answer has are left out when they are exactly as they should be, and shown when not:
//! `Server` and `Date` as the first two headers, and the built-in page of a status (`{page: 404 Not Found}`).

use super::client::Response;

/// Renders one answer.
pub fn render(response: &Response) -> String {
    let mut text = String::new();
    let mut lines = Vec::new();
    for (index, line) in response.head_lines.iter().enumerate() {
        let line = escape(line);
        lines.push(match (index, line.strip_prefix("Content-Length: ")) {
            (0, _) => line,
            (_, Some(length)) => format!("Content-Length: {}", length_without_name(length, response)),
            _ => header_line(&line),
        });
    }
    if lines.get(1).is_some_and(|l| l == "Server: {server}")
        && lines.get(2).is_some_and(|l| l == "Date: {date}")
    {
        lines.drain(1..3);
    }
    for line in lines {
        text += &line;
        text.push('\n');
    }
    text.push('\n');
    text += &body_text(&response.body);
    for trailer in &response.trailers {
        text += &format!("{{trailer}} {}\n", escape(trailer));
    }
    if response.incomplete {
        text += "{incomplete}\n";
    }
    text
}

/// The length of a page whose footer names the product, less that name: `145+{server}`.
fn length_without_name(length: &str, response: &Response) -> String {
    let body = response.text();
    if response.head_only && response.status >= 300 && response.header("content-type") == "text/html" {
        // The page that is not sent: only its length names the product. No other page of a case is that long.
        if let Some(length) = length.parse::<usize>().ok().filter(|&n| n >= 130) {
            return format!("{}+{{server}}", length - response.header("server").len());
        }
    }
    let footer = body.split("<hr><center>").nth(1).and_then(|rest| rest.split("</center>\r\n").next());
    match (footer, length.parse::<usize>()) {
        (Some(name), Ok(length)) if name.starts_with("nginx") || name.starts_with("ringx") => {
            let kind = if name.contains('/') { "{server}" } else { "{name}" };
            format!("{}+{kind}", length - name.len())
        }
        _ => length.to_owned(),
    }
}

fn header_line(line: &str) -> String {
    let Some((name, value)) = line.split_once(": ") else { return line.to_owned() };
    match name {
        "Date" if is_http_date(value) => "Date: {date}".to_owned(),
        "Server" => match value.split_once('/') {
            Some(("nginx" | "ringx", _)) => "Server: {server}".to_owned(),
            None if value == "nginx" || value == "ringx" => "Server: {name}".to_owned(),
            _ => line.to_owned(),
        },
        "Content-Type" => match value.split_once("boundary=") {
            Some((before, digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                format!("{name}: {before}boundary={{boundary{}}}", digits.len())
            }
            _ => line.to_owned(),
        },
        _ => line.to_owned(),
    }
}

fn is_http_date(value: &str) -> bool {
    let shape: String = value
        .chars()
        .map(|c| match c {
            '0'..='9' => '0',
            'a'..='z' => 'a',
            'A'..='Z' => 'A',
            other => other,
        })
        .collect();
    shape == "Aaa, 00 Aaa 0000 00:00:00 AAA"
}

/// A body as text; long ones are summed up, so that a 3 MB file does not fill the source.
fn body_text(body: &[u8]) -> String {
    if body.len() > 4096 {
        return format!("{{{} bytes, sum {:016x}}}", body.len(), sum(body));
    }
    let mut text = String::new();
    if let Some(page) = built_in_page(body) {
        return page;
    }
    for line in body.split_inclusive(|&b| b == b'\n') {
        let (line, end) = match line {
            [line @ .., b'\r', b'\n'] => (line, "\\r\n"),
            [line @ .., b'\n'] => (line, "\n"),
            line => (line, ""),
        };
        let mut shown = escape(line);
        for name in ["nginx", "ringx"] {
            if let Some(rest) = shown.strip_prefix(&format!("<hr><center>{name}")) {
                let rest = rest.strip_suffix("</center>").unwrap_or(rest);
                let kind = if rest.starts_with('/') { "{server}" } else { "{name}" };
                shown = format!("<hr><center>{kind}</center>");
                break;
            }
        }
        if let Some(digits) = shown.strip_prefix("--").filter(|d| d.len() >= 20) {
            let plain = digits.trim_end_matches('-');
            if plain.bytes().all(|b| b.is_ascii_digit()) {
                shown = format!("--{{boundary{}}}{}", plain.len(), &digits[plain.len()..]);
            }
        }
        text += &shown;
        text += end;
    }
    text
}

/// The body as `{page: title}` if it is the page that is built in for a status, to the last byte.
fn built_in_page(body: &[u8]) -> Option<String> {
    let body = std::str::from_utf8(body).ok()?;
    let title = body.strip_prefix("<html>\r\n<head><title>")?.split("</title>").next()?;
    let heading = body.split("<center><h1>").nth(1)?.split("</h1>").next()?;
    let name = body.split("<hr><center>").nth(1)?.split("</center>").next()?;
    let shown = match name.split_once('/') {
        Some(("nginx" | "ringx", _)) => "",
        None if name == "nginx" || name == "ringx" => ", no version",
        _ => return None,
    };
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{heading}</h1></center>\r\n\
         <hr><center>{name}</center>\r\n</body>\r\n</html>\r\n"
    );
    let detail = if title == heading { String::new() } else { format!(" / {heading}") };
    (page == body).then(|| format!("{{page: {title}{detail}{shown}}}\n"))
}

/// FNV-1a: enough to tell two bodies apart.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// Printable ASCII as it is, everything else as `\xNN` (CR, LF and tab by their letters).
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\r' => text += "\\r",
            b'\n' => text += "\\n",
            b'\t' => text += "\\t",
            0x20..=0x7e => text.push(char::from(byte)),
            other => text += &format!("\\x{other:02x}"),
        }
    }
    text
}
