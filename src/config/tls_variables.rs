//! The names of `$ssl_…`.

/// A variable about a connection's TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsVariable {
    /// `$ssl_alpn_protocol`
    AlpnProtocol,
    /// `$ssl_cipher`
    Cipher,
    /// `$ssl_ciphers`: what the client offered
    Ciphers,
    /// `$ssl_client_cert`: PEM, each line but the first behind a tab
    ClientCert,
    /// `$ssl_client_escaped_cert`
    ClientEscapedCert,
    /// `$ssl_client_fingerprint`: SHA-1
    ClientFingerprint,
    /// `$ssl_client_i_dn`
    ClientIssuer,
    /// `$ssl_client_i_dn_legacy`
    ClientIssuerLegacy,
    /// `$ssl_client_raw_cert`
    ClientRawCert,
    /// `$ssl_client_s_dn`
    ClientSubject,
    /// `$ssl_client_s_dn_legacy`
    ClientSubjectLegacy,
    /// `$ssl_client_serial`
    ClientSerial,
    /// `$ssl_client_v_end`
    ClientEnd,
    /// `$ssl_client_v_remain`: days
    ClientRemain,
    /// `$ssl_client_v_start`
    ClientStart,
    /// `$ssl_client_verify`
    ClientVerify,
    /// `$ssl_curve`
    Curve,
    /// `$ssl_curves`: what the client offered
    Curves,
    /// `$ssl_protocol`
    Protocol,
    /// `$ssl_server_name`
    ServerName,
    /// `$ssl_session_reused`
    SessionReused,
    /// `$ssl_early_data`, `$ssl_session_id` and what newer versions know: never there
    Nothing,
}

/// By name.
const NAMES: &[(&str, TlsVariable)] = &[
    ("ssl_alpn_protocol", TlsVariable::AlpnProtocol),
    ("ssl_cipher", TlsVariable::Cipher),
    ("ssl_ciphers", TlsVariable::Ciphers),
    ("ssl_client_cert", TlsVariable::ClientCert),
    ("ssl_client_escaped_cert", TlsVariable::ClientEscapedCert),
    ("ssl_client_fingerprint", TlsVariable::ClientFingerprint),
    ("ssl_client_i_dn", TlsVariable::ClientIssuer),
    ("ssl_client_i_dn_legacy", TlsVariable::ClientIssuerLegacy),
    ("ssl_client_raw_cert", TlsVariable::ClientRawCert),
    ("ssl_client_s_dn", TlsVariable::ClientSubject),
    ("ssl_client_s_dn_legacy", TlsVariable::ClientSubjectLegacy),
    ("ssl_client_serial", TlsVariable::ClientSerial),
    ("ssl_client_sigalg", TlsVariable::Nothing),
    ("ssl_client_v_end", TlsVariable::ClientEnd),
    ("ssl_client_v_remain", TlsVariable::ClientRemain),
    ("ssl_client_v_start", TlsVariable::ClientStart),
    ("ssl_client_verify", TlsVariable::ClientVerify),
    ("ssl_curve", TlsVariable::Curve),
    ("ssl_curves", TlsVariable::Curves),
    ("ssl_early_data", TlsVariable::Nothing),
    ("ssl_ech_outer_server_name", TlsVariable::Nothing),
    ("ssl_ech_status", TlsVariable::Nothing),
    ("ssl_protocol", TlsVariable::Protocol),
    ("ssl_server_name", TlsVariable::ServerName),
    ("ssl_session_id", TlsVariable::Nothing),
    ("ssl_session_reused", TlsVariable::SessionReused),
    ("ssl_sigalg", TlsVariable::Nothing),
];

impl TlsVariable {
    /// The variable of a name, lower-case and without `$`.
    pub fn find(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, variable)| *variable)
    }

    /// Whether it shows what only the client's first message says.
    pub fn is_of_hello(self) -> bool {
        matches!(self, Self::Ciphers | Self::Curves)
    }
}
