//! `expires`: its written form, which is also read per request when it holds variables.
//!
//! Pure text to meaning (nginx's `ngx_http_parse_expires`). Called by `build`, and by `filter` for variables.

use super::template::Template;
use super::value;

/// `expires`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpiresConf {
    /// `off`
    Off,
    /// `epoch`
    Epoch,
    /// `max`
    Max,
    /// This many seconds after the response.
    Access(i64),
    /// `modified`: this many seconds after Last-Modified.
    Modified(i64),
    /// `@15h30m`: at this time of day, seconds after local midnight.
    Daily(i64),
    /// Read anew for each response; what cannot be read is `off`.
    Variables {
        /// The text.
        value: Template,
        /// `modified` was written.
        modified: bool,
    },
}

/// A day, in seconds.
const DAY: i64 = 24 * 3600;

/// Reads the last argument of `expires`; `modified` says that this word stood before it.
///
/// # Errors
/// nginx's words, for `"expires" directive …`.
pub fn parse(text: &str, modified: bool) -> Result<ExpiresConf, &'static str> {
    match text {
        "off" if !modified => return Ok(ExpiresConf::Off),
        "epoch" if !modified => return Ok(ExpiresConf::Epoch),
        "max" if !modified => return Ok(ExpiresConf::Max),
        _ => {}
    }
    let seconds = |text| value::seconds(text).and_then(|time| i64::try_from(time.as_secs()).ok());
    if let Some(time) = text.strip_prefix('@') {
        if modified {
            return Err("daily time cannot be used with \"modified\" parameter");
        }
        let time = seconds(time).ok_or("invalid value")?;
        return if time > DAY {
            Err("daily time value must be less than 24 hours")
        } else {
            Ok(ExpiresConf::Daily(time))
        };
    }
    let (sign, time) = match text.strip_prefix('-') {
        Some(time) => (-1, time),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let time = sign * seconds(time).ok_or("invalid value")?;
    Ok(if modified { ExpiresConf::Modified(time) } else { ExpiresConf::Access(time) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("off", ExpiresConf::Off),
            ("epoch", ExpiresConf::Epoch),
            ("max", ExpiresConf::Max),
            ("0", ExpiresConf::Access(0)),
            ("-1", ExpiresConf::Access(-1)),
            ("+1h30m", ExpiresConf::Access(5400)),
            ("1y", ExpiresConf::Access(365 * DAY)),
            ("@15h30m", ExpiresConf::Daily(55_800)),
            ("@24h", ExpiresConf::Daily(DAY)),
        ] {
            assert_eq!(parse(text, false), Ok(expected), "{text}");
        }
        assert_eq!(parse("-1d", true), Ok(ExpiresConf::Modified(-DAY)));
    }

    #[test]
    fn what_is_no_time() {
        for text in ["", "x", "--1", "-", "@", "1h2y", "Max"] {
            assert_eq!(parse(text, false), Err("invalid value"), "{text}");
        }
        assert_eq!(parse("max", true), Err("invalid value"));
        assert_eq!(parse("@25h", false), Err("daily time value must be less than 24 hours"));
        assert_eq!(parse("@1h", true), Err("daily time cannot be used with \"modified\" parameter"));
    }
}
