//! Downloads from a server on this machine, written here, that cuts, lies and refuses as told.

#![cfg(feature = "download")]

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use seqjepa_data::DataError;
use seqjepa_data::download::{Archive, Downloader, Progress};
use tar::{EntryType, Header};
use tempfile::TempDir;

const FILE: &str = "set.tar.gz";

fn goes_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// How the server answers one request.
#[derive(Clone, Copy)]
enum Answer {
    /// Range or not, as asked.
    Serve,
    /// As asked, but the connection ends after this many bytes of the body.
    CutAfter(usize),
    /// The whole file, whatever was asked.
    IgnoreRange,
    /// This status without a body.
    Status(&'static str),
    /// The whole file without saying how long it is.
    WithoutLength,
    /// This many bytes of the file and then silence; `None`: not even an answer.
    Silence(Option<usize>),
}

/// Serves one file; records the `Range` header of each request.
struct Server {
    url: String,
    ranges: Arc<Mutex<Vec<Option<String>>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(content: Vec<u8>, answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&ranges);
        let mut answers: VecDeque<Answer> = answers.into_iter().collect();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let Some(range) = read_request(&stream) else { return };
                seen.lock().unwrap().push(range.clone());
                let answer = answers.pop_front().unwrap_or(Answer::Serve);
                // A client that was cut off, or refuses the size, does not read to the end.
                let _ = respond(&mut stream, &content, range.as_deref(), answer);
            }
        });
        Self { url: format!("http://{address}/files/"), ranges, thread: Some(thread) }
    }

    fn downloader(&self) -> Downloader {
        Downloader {
            retry_delay: Duration::from_millis(1),
            timeout: Duration::from_secs(20),
            ..Downloader::with_base_url(&self.url)
        }
    }

    /// The ranges that were asked for, one for each request.
    fn ranges(&self) -> Vec<Option<String>> {
        self.ranges.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An empty request ends the server.
        let address = self.url.trim_start_matches("http://").trim_end_matches("/files/");
        drop(TcpStream::connect(address));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

/// The `Range` header, if any; `None` for an empty request.
fn read_request(stream: &TcpStream) -> Option<Option<String>> {
    let lines: Vec<String> =
        BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let first = lines.first()?;
    assert_eq!(first, &format!("GET /files/{FILE} HTTP/1.1"));
    Some(lines.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("range: ").map(String::from)))
}

fn respond(
    stream: &mut TcpStream,
    content: &[u8],
    range: Option<&str>,
    answer: Answer,
) -> std::io::Result<()> {
    let start = range.map_or(0, |range| {
        range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse::<usize>().unwrap()
    });
    let (start, cut) = match answer {
        Answer::Serve => (start, usize::MAX),
        Answer::CutAfter(cut) => (start, cut),
        Answer::IgnoreRange => (0, usize::MAX),
        Answer::Status(status) => {
            return write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        Answer::Silence(sent) => {
            if let Some(sent) = sent {
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len())?;
                stream.write_all(&content[..sent])?;
            }
            // Until the client has gone.
            let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
            let _ = std::io::Read::read(stream, &mut [0]);
            return Ok(());
        }
        Answer::WithoutLength => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            return stream.write_all(content);
        }
    };
    let total = content.len();
    if start >= total {
        return write!(
            stream,
            "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{total}\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n"
        );
    }
    let rest = &content[start..];
    let status = if start > 0 {
        format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{total}", total - 1)
    } else {
        "200 OK".to_owned()
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len())?;
    stream.write_all(&rest[..rest.len().min(cut)])
}

/// A gzip-compressed tar file of (path, type, content); paths are written as they are, however evil.
fn tar_gz(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    for &(path, kind, content) in entries {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(0o777);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn content() -> Vec<u8> {
    (0..300_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn good_archive() -> Vec<u8> {
    let content = content();
    tar_gz(&[
        ("set/", EntryType::Directory, b""),
        ("set/train.bin", EntryType::Regular, &content),
        ("set/deep/names.txt", EntryType::Regular, b"a\nb\n"),
    ])
}

fn describe(bytes: &[u8]) -> Archive {
    let md5 = Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Archive { file_name: FILE.into(), md5, folder: "set".into(), max_bytes: 1 << 20 }
}

fn part(root: &TempDir) -> PathBuf {
    root.path().join(format!("{FILE}.part"))
}

fn entries(root: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn download(server: &Server, archive: &Archive, root: &TempDir) -> Result<PathBuf, DataError> {
    server.downloader().download(archive, root.path(), &mut goes_on)
}

fn assert_extracted(root: &TempDir) {
    assert_eq!(fs::read(root.path().join("set/train.bin")).unwrap(), content());
    assert_eq!(fs::read(root.path().join("set/deep/names.txt")).unwrap(), b"a\nb\n");
    assert_eq!(entries(root.path()), ["set"], "nothing else may stay behind");
}

#[test]
fn a_download_is_extracted_and_reported() {
    let bytes = good_archive();
    let (archive, root) = (describe(&bytes), TempDir::new().unwrap());
    let total = Some(bytes.len() as u64);
    let server = Server::start(bytes, []);
    let mut seen: Vec<Progress> = Vec::new();
    let nested = root.path().join("new/folder");
    let folder = server
        .downloader()
        .download(&archive, &nested, &mut |progress| {
            seen.push(progress);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(folder, nested.join("set"));
    assert_eq!(fs::read(folder.join("train.bin")).unwrap(), content());
    assert!(seen.windows(2).all(|pair| pair[0].received <= pair[1].received));
    assert!(seen.len() > 3);
    // Before the server has answered, nobody knows.
    assert!(seen.iter().all(|progress| progress.total == total || progress.received == 0));
    assert_eq!(seen.last().map(|progress| Some(progress.received)), Some(total));
    assert_eq!(server.ranges(), [None]);
}

#[test]
fn what_is_there_needs_no_network() {
    let archive = describe(&good_archive());
    let unreachable = Downloader { attempts: 1, ..Downloader::with_base_url("http://127.0.0.1:1/") };

    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("set")).unwrap();
    unreachable.download(&archive, root.path(), &mut |_| panic!("no download")).unwrap();

    let root = TempDir::new().unwrap();
    fs::write(root.path().join(FILE), good_archive()).unwrap();
    unreachable.download(&archive, root.path(), &mut |_| panic!("no download")).unwrap();
    assert_eq!(entries(root.path()), ["set", FILE], "the user's own file stays");

    let root = TempDir::new().unwrap();
    fs::write(root.path().join(FILE), b"something else").unwrap();
    let error = unreachable.download(&archive, root.path(), &mut goes_on).unwrap_err();
    assert!(matches!(&error, DataError::Checksum { path, .. } if path.ends_with(FILE)), "{error}");
    assert_eq!(entries(root.path()), [FILE]);
}

#[test]
fn a_cut_connection_is_resumed() {
    let bytes = good_archive();
    let (archive, root) = (describe(&bytes), TempDir::new().unwrap());
    let server = Server::start(bytes, [Answer::CutAfter(100_000), Answer::CutAfter(50_000)]);
    download(&server, &archive, &root).unwrap();
    assert_extracted(&root);
    let ranges = [None, Some("bytes=100000-".to_owned()), Some("bytes=150000-".to_owned())];
    assert_eq!(server.ranges(), ranges);
}

#[test]
fn progress_renews_the_attempts() {
    let bytes = good_archive();
    let (archive, root) = (describe(&bytes), TempDir::new().unwrap());
    let server = Server::start(bytes, [Answer::CutAfter(20_000); 10]);
    download(&server, &archive, &root).unwrap();
    assert_extracted(&root);
    assert_eq!(server.ranges().len(), 11);
}

#[test]
fn an_interrupted_process_is_resumed_by_the_next() {
    let bytes = good_archive();
    let (archive, root) = (describe(&bytes), TempDir::new().unwrap());
    let server = Server::start(bytes.clone(), [Answer::CutAfter(100_000)]);
    let once = Downloader { attempts: 1, ..server.downloader() };
    let error = once.download(&archive, root.path(), &mut goes_on).unwrap_err();
    assert!(matches!(&error, DataError::Download { reason, .. } if reason.contains("100000")), "{error}");
    assert_eq!(fs::read(part(&root)).unwrap(), &bytes[..100_000]);
    download(&server, &archive, &root).unwrap();
    assert_extracted(&root);
    assert_eq!(server.ranges()[1].as_deref(), Some("bytes=100000-"));
}

#[test]
fn a_server_without_ranges_or_lengths_will_do() {
    for answers in [[Answer::CutAfter(100_000), Answer::IgnoreRange], [Answer::WithoutLength, Answer::Serve]]
    {
        let bytes = good_archive();
        let (archive, root) = (describe(&bytes), TempDir::new().unwrap());
        let server = Server::start(bytes, answers);
        download(&server, &archive, &root).unwrap();
        assert_extracted(&root);
    }
}

#[test]
fn part_files_of_any_kind_end_well() {
    let bytes = good_archive();
    let complete = bytes.clone();
    let too_long = [&bytes[..], b"more"].concat();
    let wrong = vec![7; 1000];
    for (left, requests) in [(complete, 1), (too_long, 2), (wrong, 2)] {
        let (archive, root) = (describe(&bytes), TempDir::new().unwrap());
        fs::write(part(&root), left).unwrap();
        let server = Server::start(bytes.clone(), []);
        download(&server, &archive, &root).unwrap();
        assert_extracted(&root);
        assert_eq!(server.ranges().len(), requests);
    }
}

#[test]
fn a_wrong_checksum_leaves_nothing_behind() {
    let root = TempDir::new().unwrap();
    let archive = Archive { md5: "0".repeat(32), ..describe(&[]) };
    let server = Server::start(good_archive(), []);
    let error = download(&server, &archive, &root).unwrap_err();
    let expected_md5 = describe(&good_archive()).md5;
    assert!(
        matches!(&error, DataError::Checksum { expected, found, .. }
            if *expected == "0".repeat(32) && *found == expected_md5),
        "{error}"
    );
    assert_eq!(entries(root.path()), [] as [&str; 0]);
}

#[test]
fn refusals_are_final_and_troubles_are_not() {
    let bytes = good_archive();
    let (archive, root) = (describe(&bytes), TempDir::new().unwrap());
    let server = Server::start(bytes.clone(), [Answer::Status("404 Not Found")]);
    let error = download(&server, &archive, &root).unwrap_err();
    assert!(matches!(&error, DataError::HttpStatus { url, status: 404 } if url.ends_with(FILE)), "{error}");
    assert_eq!(server.ranges().len(), 1);

    let busy = Answer::Status("503 Service Unavailable");
    let server = Server::start(bytes.clone(), [busy, Answer::Status("429 Too Many Requests")]);
    download(&server, &archive, &root).unwrap();
    assert_extracted(&root);

    let root = TempDir::new().unwrap();
    let server = Server::start(bytes, [busy; 10]);
    let error = download(&server, &archive, &root).unwrap_err();
    assert!(
        matches!(&error, DataError::Download { attempts: 4, reason, .. } if reason.contains("503")),
        "{error}"
    );
    assert_eq!(server.ranges().len(), 4);
}

#[test]
fn too_large_a_file_is_not_downloaded() {
    let bytes = good_archive();
    for answer in [Answer::Serve, Answer::WithoutLength] {
        let (root, archive) = (TempDir::new().unwrap(), Archive { max_bytes: 100_000, ..describe(&bytes) });
        let server = Server::start(bytes.clone(), [answer]);
        let error = download(&server, &archive, &root).unwrap_err();
        assert!(matches!(error, DataError::TooLarge { limit: 100_000, .. }), "{error}");
        assert!(fs::metadata(part(&root)).map_or(0, |data| data.len()) <= 100_000);
    }
}

#[test]
fn evil_archives_are_refused_whole() {
    let good: (&str, EntryType, &[u8]) = ("set/a.bin", EntryType::Regular, b"a");
    for (path, kind) in [
        ("../evil", EntryType::Regular),
        ("set/../../evil", EntryType::Regular),
        ("/tmp/evil", EntryType::Regular),
        ("other/evil", EntryType::Regular),
        ("evil", EntryType::Regular),
        ("set/evil", EntryType::Symlink),
        ("set/evil", EntryType::Link),
        ("set/evil", EntryType::Fifo),
        ("set/evil", EntryType::Char),
    ] {
        let bytes = tar_gz(&[good, (path, kind, b"")]);
        let (archive, outer) = (describe(&bytes), TempDir::new().unwrap());
        let root = outer.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(root.join(FILE), bytes).unwrap();
        let error = Downloader::default().download(&archive, &root, &mut goes_on).unwrap_err();
        assert!(
            matches!(&error, DataError::UnsafeArchive { entry, .. } if entry == Path::new(path)),
            "{path} {kind:?}: {error}"
        );
        assert_eq!((entries(&root), entries(outer.path())), (vec![FILE.to_owned()], vec!["root".to_owned()]));
    }
}

#[test]
fn bombs_duplicates_and_broken_archives_are_refused() {
    let large = vec![0; 2 << 20];
    let bomb = tar_gz(&[("set/zeros", EntryType::Regular, &large)]);
    let twice = tar_gz(&[("set/a", EntryType::Regular, b"1"), ("set/a", EntryType::Regular, b"2")]);
    let good = good_archive();
    let truncated = good[..good.len() / 2].to_vec();
    let empty = tar_gz(&[]);
    let no_archive = b"<html>not found</html>".to_vec();
    for (name, bytes) in
        [("bomb", bomb), ("twice", twice), ("truncated", truncated), ("empty", empty), ("html", no_archive)]
    {
        let (archive, root) = (describe(&bytes), TempDir::new().unwrap());
        fs::write(root.path().join(FILE), bytes).unwrap();
        let error = Downloader::default().download(&archive, root.path(), &mut goes_on).unwrap_err();
        let expected = match name {
            "bomb" => matches!(error, DataError::TooLarge { .. }),
            "empty" => matches!(error, DataError::Missing { .. }),
            _ => matches!(error, DataError::Io { .. }),
        };
        assert!(expected, "{name}: {error}");
        assert_eq!(entries(root.path()), [FILE], "{name}");
    }
}

#[test]
fn two_downloads_of_one_file_do_not_mix() {
    let bytes = good_archive();
    let (archive, root) = (describe(&bytes), TempDir::new().unwrap());
    let other = fs::File::create(part(&root)).unwrap();
    other.lock().unwrap();
    let server = Server::start(bytes, []);
    let error = download(&server, &archive, &root).unwrap_err();
    assert!(matches!(&error, DataError::Busy { path } if *path == part(&root)), "{error}");
    drop(other);
    download(&server, &archive, &root).unwrap();
    assert_extracted(&root);
}

#[test]
fn archive_descriptions_cannot_leave_the_folder() {
    let good = describe(b"");
    let root = TempDir::new().unwrap();
    for archive in [
        Archive { file_name: "../x".into(), ..good.clone() },
        Archive { file_name: String::new(), ..good.clone() },
        Archive { folder: "a/b".into(), ..good.clone() },
        Archive { folder: "/tmp".into(), ..good.clone() },
        Archive { md5: "short".into(), ..good },
    ] {
        let error = Downloader::default().download(&archive, root.path(), &mut goes_on).unwrap_err();
        assert!(matches!(error, DataError::InvalidArgument { .. }), "{error}");
    }
}

/// Whoever watches can end it at any time, and what never began leaves nothing.
#[test]
fn a_silent_server_holds_nobody_up() {
    let bytes = good_archive();
    let archive = describe(&bytes);
    for sent in [None, Some(0), Some(100_000)] {
        let root = TempDir::new().unwrap();
        let server = Server::start(bytes.clone(), [Answer::Silence(sent)]);
        let started = Instant::now();
        let mut watch = |progress: Progress| {
            let all = progress.received == sent.unwrap_or(0) as u64;
            if all && started.elapsed() > Duration::from_millis(300) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        // The server's patience is the client's own: 2 s here, so that its thread ends with the test.
        let downloader = Downloader { timeout: Duration::from_secs(2), attempts: 9, ..server.downloader() };
        let error = downloader.download(&archive, root.path(), &mut watch).unwrap_err();
        assert!(started.elapsed() < Duration::from_millis(1900), "{:?}", started.elapsed());
        let received = sent.unwrap_or(0) as u64;
        assert!(matches!(error, DataError::Stopped { received: found, .. } if found == received), "{error}");
        let left = fs::read(part(&root)).ok();
        assert_eq!(left, (received > 0).then(|| bytes[..100_000].to_vec()));
    }
}

#[test]
fn what_a_killed_extraction_has_left_is_removed() {
    let bytes = good_archive();
    let archive = describe(&bytes);
    let root = TempDir::new().unwrap();
    let [left, held] = ["left", "held"].map(|name| root.path().join(format!(".{}-{name}", archive.folder)));
    for folder in [&left, &held] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("file"), "half").unwrap();
    }
    let at_work = fs::File::open(&held).unwrap();
    at_work.try_lock().unwrap();
    fs::write(root.path().join(FILE), &bytes).unwrap();
    Downloader::default().download(&archive, root.path(), &mut goes_on).unwrap();
    assert!(!left.exists() && held.exists());
}
