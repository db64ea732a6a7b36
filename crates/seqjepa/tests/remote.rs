//! The command with a device that a second process of it serves. A build with a GPU's backend can only serve.
#![cfg(all(
    feature = "command",
    feature = "remote",
    not(any(
        feature = "cuda",
        feature = "rocm",
        feature = "metal",
        feature = "vulkan",
        feature = "wgpu-untuned"
    ))
))]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use common::{program, said, scratch, seqjepa, stderr, stdout};

const TOKEN: &str = "SEQJEPA_REMOTE_TOKEN";

/// `serve`, until this is dropped.
struct Server {
    child: Child,
    told: BufReader<ChildStdout>,
    /// What it told to put into `run.device`.
    device: String,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let serve = ["serve", "--device", "flex", "--listen", "127.0.0.1:0"];
        let mut child = command.args(serve).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        told.read_line(&mut line).unwrap();
        let device = line.split("run.device: ").nth(1).and_then(|rest| rest.split('`').next());
        let device = device.unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { child, told, device }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn train(folder: &Path, device: &str, more: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder).args(["train", "--config", "tiny.yaml", "--set", "run.output_dir=run"]);
    command.args(["--set", &format!("run.device={device}"), "--set", "run.device_check=quick"]);
    for value in more {
        command.args(["--set", value]);
    }
    command
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

#[test]
fn a_run_is_checked_trained_and_evaluated_on_a_device_that_is_served() {
    let scratch = scratch();
    let server = Server::start(&mut program());
    assert!(server.device.starts_with("remote:127.0.0.1:"), "{}", server.device);
    let run = output(&mut train(scratch.path(), &server.device, &["run.epochs=1"]));
    assert!(run.status.success(), "{}", said(&run));
    let check = seqjepa(scratch.path(), ["devices", "--check", "--device", &server.device]);
    assert!(
        check.status.success() && stdout(&check).contains("layers with a narrow output"),
        "{}",
        said(&check)
    );
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(scratch.path().join("run").join(name)).unwrap()).unwrap()
    };
    assert_eq!(read("device_check.json")["backend"], "remote");
    let named = format!("{}/0", server.device);
    assert_eq!(read("evaluation.json")["device"], named);

    let images = scratch.path().join("images");
    fs::create_dir(&images).unwrap();
    for name in ["a.png", "b.png"] {
        image::RgbImage::from_pixel(20, 20, image::Rgb([9, 99, 199])).save(images.join(name)).unwrap();
    }
    let model = ["--checkpoint", "run", "--device", &server.device];
    for command in [
        ["embed", "--images", "images", "--output", "features.npy"].as_slice(),
        &["evaluate", "--no-cache", "--output", "card.json"],
    ] {
        let done = seqjepa(scratch.path(), command.iter().chain(&model));
        assert!(done.status.success(), "{}", said(&done));
    }
    let card = fs::read(scratch.path().join("card.json")).unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&card).unwrap()["device"], named);
}

/// Two machines, as it were: each has half of every batch.
#[test]
fn a_run_on_two_devices_that_are_served() {
    let scratch = scratch();
    let [first, second] = [(), ()].map(|()| Server::start(&mut program()));
    let further = format!("run.further_devices=[\"{}\"]", second.device);
    let run = output(&mut train(scratch.path(), &first.device, &["run.epochs=1", &further]));
    assert!(run.status.success(), "{}", said(&run));
    let card = fs::read(scratch.path().join("run/evaluation.json")).unwrap();
    let card: serde_json::Value = serde_json::from_slice(&card).unwrap();
    assert_eq!(card["device"], format!("{}/0, {}/0", first.device, second.device));
    let twice = format!("run.further_devices=[\"{}/0\"]", first.device);
    let refused = output(&mut train(scratch.path(), &first.device, &["run.output_dir=other", &twice]));
    assert!(stderr(&refused).contains("each device once"), "{}", said(&refused));
}

#[test]
fn a_server_that_is_killed_ends_the_run_in_one_message_and_the_run_goes_on_with_another() {
    let scratch = scratch();
    let mut server = Server::start(&mut program());
    let long = ["run.epochs=1000", "run.checkpoint_epochs=1"];
    let mut train = train(scratch.path(), &server.device, &long);
    let run = train.arg("--skip-evaluation").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // In the midst of an epoch, and with a checkpoint to go back to.
    let checkpoint = scratch.path().join("run/checkpoints/last.safetensors");
    while !checkpoint.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    server.child.kill().unwrap();
    let run = run.wait_with_output().unwrap();
    assert_eq!(run.status.code(), Some(1), "{}", said(&run));
    let error = stderr(&run);
    let errors = || error.lines().filter(|line| line.contains("error") || line.contains("panicked"));
    assert_eq!(errors().count(), 1, "{error}");
    assert!(error.contains(&format!("device `{}`: its server ended the session", server.device)), "{error}");
    drop(server);

    let status = seqjepa(scratch.path(), ["status", "run"]);
    assert!(said(&status).contains("failed"), "{}", said(&status));
    let metrics = fs::read_to_string(scratch.path().join("run/metrics.jsonl")).unwrap();
    let done = metrics.lines().count();
    let server = Server::start(&mut program());
    let device = format!("run.device={}", server.device);
    let epochs = format!("run.epochs={}", done + 1);
    let resume = ["resume", "run", "--allow-config-change", "--skip-evaluation"];
    let resumed = seqjepa(scratch.path(), resume.into_iter().chain(["--set", &device, "--set", &epochs]));
    assert!(resumed.status.success(), "{}", said(&resumed));
}

#[test]
fn a_server_wants_its_token() {
    let scratch = scratch();
    let server = Server::start(program().env(TOKEN, "known to both"));
    let dry = |token: Option<&str>| {
        let mut train = train(scratch.path(), &server.device, &[]);
        train.args(["--dry-run", "--no-timing"]);
        match token {
            Some(token) => train.env(TOKEN, token),
            None => train.env_remove(TOKEN),
        };
        output(&mut train)
    };
    let without = dry(None);
    assert!(stderr(&without).contains("it wants a token"), "{}", said(&without));
    let wrong = dry(Some("guessed"));
    assert!(stderr(&wrong).contains("another token"), "{}", said(&wrong));
    let right = dry(Some("known to both"));
    assert!(
        right.status.success() && stdout(&right).contains("there is: not known of remote"),
        "{}",
        said(&right)
    );
}

#[test]
fn serving_ends_on_a_signal_and_a_port_in_use_is_one_error() {
    let mut server = Server::start(&mut program());
    let address = server.device.strip_prefix("remote:").unwrap();
    let second = seqjepa(Path::new("."), ["serve", "--device", "flex", "--listen", address]);
    assert_eq!(second.status.code(), Some(1), "{}", said(&second));
    assert!(stderr(&second).starts_with(&format!("error: {address}: expected")), "{}", said(&second));

    // A session first: with it the server listens for signals.
    let scratch = scratch();
    let dry = output(train(scratch.path(), &server.device, &[]).args(["--dry-run", "--no-timing"]));
    assert!(dry.status.success(), "{}", said(&dry));
    #[cfg(unix)]
    {
        let killed = Command::new("kill").args(["-INT", &server.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let status = server.child.wait().unwrap();
        let (mut rest, mut error) = (String::new(), String::new());
        server.told.read_to_string(&mut rest).unwrap();
        server.child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert!(status.success() && rest.contains("ended") && error.is_empty(), "{rest}{error}");
    }
}

#[test]
fn what_cannot_be_served_is_refused() {
    for (devices, expected) in
        [(["flex", "remote:127.0.0.1:1"], "a device of this machine"), (["gpu", "flex"], "expected auto")]
    {
        let [first, second] = devices;
        let refused = seqjepa(Path::new("."), ["serve", "--device", first, "--device", second]);
        assert!(!refused.status.success() && stderr(&refused).contains(expected), "{}", said(&refused));
    }
}
