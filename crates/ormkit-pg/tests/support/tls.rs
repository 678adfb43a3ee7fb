//! A server of the test's own whose certificates change, and those who sign them.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

use super::{connect_to, raw, row, run};

/// Who signs certificates.
pub(crate) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn authority(name: &str, key: KeyPair) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, key).unwrap()
}

/// A certificate and its key, in PEM.
pub(crate) struct Signed {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A certificate for these names, changed by `change` before it is signed.
pub(crate) fn sign(by: &Authority, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Signed {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, by).unwrap();
    Signed { certificate: certificate.pem(), key: key.serialize_pem() }
}

/// A throwaway server, stopped when it is dropped.
pub(crate) struct Server {
    process: Child,
    /// user:password@ of the superuser, 127.0.0.1:port and the database.
    url: String,
    folder: PathBuf,
    group: u32,
    loads: u32,
}

impl Server {
    pub(crate) fn start() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/with-postgres");
        let told = r#"echo "$ORMKIT_TEST_POSTGRES_URL"; echo "$ORMKIT_TEST_POSTGRES_SOCKET"; cat"#;
        let mut process = Command::new(script)
            .args(["sh", "-c", told])
            .env_remove("ORMKIT_TEST_POSTGRES_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let url = lines.next().expect("the server starts").unwrap();
        let socket = PathBuf::from(lines.next().unwrap().unwrap());
        let folder = std::env::temp_dir().join(format!("ormkit-tls-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { process, url, group: socket.metadata().unwrap().gid(), folder, loads: 0 }
    }

    /// The server for somebody, under any host name.
    pub(crate) fn url(&self, credentials: &str, host: &str, query: &str) -> String {
        let (_, place) = self.url.rsplit_once('@').unwrap();
        let (place, database) = place.split_once('/').unwrap();
        let port = place.rsplit_once(':').unwrap().1;
        format!("postgresql://{credentials}@{host}:{port}/{database}?hostaddr=127.0.0.1&{query}")
    }

    /// Credentials of the superuser, who logs in by SCRAM.
    pub(crate) fn superuser(&self) -> &str {
        self.url.strip_prefix("postgresql://").unwrap().rsplit_once('@').unwrap().0
    }

    /// A file with this text, for the test alone.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.join(name);
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// Has the server speak TLS with this certificate; `clients` are those whose client certificates it takes.
    pub(crate) fn load(&mut self, own: &Signed, clients: &str) {
        self.loads += 1;
        let readable = |name: &str, text: &str, mode| {
            let file = self.file(&format!("{name}-{}", self.loads), text);
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            file
        };
        let certificate = readable("server.crt", &own.certificate, 0o644);
        let key = readable("server.key", &own.key, 0o600);
        if key.metadata().unwrap().uid() == 0 {
            chown(&key, None, Some(self.group)).unwrap();
            std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        }
        let clients = match clients {
            "" => String::new(),
            text => readable("clients.crt", text, 0o644).display().to_string(),
        };
        let mut settings =
            connect_to(&self.url(self.superuser(), "127.0.0.1", "sslmode=prefer"), None).unwrap();
        for (name, value) in [
            ("ssl_cert_file", certificate.to_str().unwrap()),
            ("ssl_key_file", key.to_str().unwrap()),
            ("ssl_ca_file", &clients),
            ("ssl", "on"),
        ] {
            run(&mut *settings, &[], &[raw(&format!("ALTER SYSTEM SET {name} = '{value}'"), &[])]).unwrap();
        }
        row(&mut *settings, "SELECT pg_reload_conf()");
        self.wait_for(certificate.to_str().unwrap());
    }

    /// New sessions have the settings once the server has read them.
    fn wait_for(&self, certificate: &str) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(20) {
            let url = self.url(self.superuser(), "127.0.0.1", "sslmode=require");
            if let Ok(mut connection) = connect_to(&url, None)
                && row(&mut *connection, "SHOW ssl_cert_file") == [certificate]
            {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the server does not load its certificate");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input ends the command, and with it the server.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
