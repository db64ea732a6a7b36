//! The command as a user meets it while a run goes on: signals, exit codes, resume, the lock, faults of the disk and of the data.
#![cfg(all(unix, feature = "command"))]
#![allow(clippy::cast_possible_truncation, reason = "small numbers of tests")]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{TINY, program, scratch_with, stderr, train};

/// Many epochs: a run that lasts until it is stopped.
const ENDLESS: [&str; 2] = ["--set", "run.epochs=100000"];

/// A scratch folder with the config in it, and the place of a run there.
fn scratch() -> (tempfile::TempDir, PathBuf) {
    let probes = "eval: {protocols: [linear], probe_epochs: 2, feature_passes: 1, probe_lr: 0.01, ";
    let scratch = scratch_with(&TINY.replace("eval: {", probes));
    let run = scratch.path().join("run");
    (scratch, run)
}

fn start(run: &Path) -> Command {
    train(&run.with_file_name("tiny.yaml"), run)
}

fn resume(run: &Path) -> Command {
    let mut command = program();
    command.arg("resume").arg(run);
    command
}

fn end(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// Waits until the run has done something.
fn wait_for(path: &Path) {
    let started = Instant::now();
    while !path.exists() {
        assert!(started.elapsed() < Duration::from_secs(60), "{} does not come", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
}

/// What a signalled child printed; one that does not end is killed, as where the signal is ignored from outside (`nohup`).
fn ended(mut child: Child, signal: &str) -> Output {
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("SIG{signal} did not end the run; tests inherit ignored signals");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn status(run: &Path) -> serde_json::Value {
    let output = end(program().arg("status").arg(run).arg("--json"));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)))
}

#[test]
fn a_signal_stops_and_saves_and_the_run_goes_on() {
    for (name, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let (_scratch, run) = scratch();
        let child = spawn(start(&run).args(ENDLESS));
        wait_for(&run.join("checkpoints/last.safetensors"));
        assert_eq!(status(&run)["life"], "running");
        signal(&child, name);
        let output = ended(child, name);
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{error}");
        assert!(error.contains(&format!("seqjepa resume {}", run.display())), "{error}");
        assert!(error.contains(&format!("train --resume {}", run.display())), "{error}");
        assert_eq!(status(&run)["state"], "stopped");
        assert_eq!(status(&run)["life"], "ended");

        // Fewer epochs than the config has is a change, which is refused; then taken.
        let done = status(&run)["epoch"].as_u64().unwrap() + 1;
        let epochs = format!("run.epochs={done}");
        let output = end(resume(&run).args(["--set", &epochs]));
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("`run.epochs`: the run has 100000, given is"), "{error}");
        assert!(error.contains("--allow-config-change"), "{error}");
        let output = end(resume(&run).args(["--set", &epochs, "--allow-config-change"]));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(status(&run)["state"], "finished");
        assert!(run.join("evaluation.json").exists());
    }
}

/// As under `nohup`.
#[test]
fn a_hangup_that_is_to_be_ignored_is_ignored() {
    let (_scratch, run) = scratch();
    let program =
        start(&run).args(ENDLESS).get_args().map(|part| format!("'{}'", part.display())).collect::<Vec<_>>();
    let script = format!("trap '' HUP; exec '{}' {}", env!("CARGO_BIN_EXE_seqjepa"), program.join(" "));
    let child = spawn(Command::new("sh").args(["-c", &script]));
    wait_for(&run.join("checkpoints/last.safetensors"));
    signal(&child, "HUP");
    let step = status(&run)["epoch"].as_u64().unwrap();
    let started = Instant::now();
    while status(&run)["epoch"].as_u64().unwrap() < step + 3 {
        assert!(started.elapsed() < Duration::from_secs(60), "the run does not go on");
        std::thread::sleep(Duration::from_millis(50));
    }
    signal(&child, "TERM");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
}

/// A server that takes a request and says nothing, or a little.
#[test]
fn a_signal_during_a_download_ends_it_at_once() {
    for (said, left) in [("", false), ("HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\nabc", true)] {
        for resumed in [false, true] {
            let (_scratch, run) = scratch();
            let data = run.with_file_name("data");
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("dataset.download_url=http://{}", listener.local_addr().unwrap());
            let root = format!("dataset.data_root={}", data.display());
            let mut command = if resumed {
                assert!(
                    end(start(&run).args(["--set", "run.epochs=1", "--skip-evaluation"])).status.success()
                );
                let mut command = resume(&run);
                command.arg("--allow-config-change");
                command
            } else {
                start(&run)
            };
            command.args(["--set", "dataset.name=cifar10", "--set", "dataset.download=true"]);
            command.args(["--set", "model.img_size=32", "--set", &url, "--set", &root]);
            let child = spawn(&mut command);
            listener.set_nonblocking(true).unwrap();
            let started = Instant::now();
            let mut stream = loop {
                match listener.accept() {
                    Ok((stream, _)) => break stream,
                    Err(_) if started.elapsed() < Duration::from_secs(60) => {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    Err(error) => panic!("nothing is asked for: {error}"),
                }
            };
            std::io::Write::write_all(&mut stream, said.as_bytes()).unwrap();
            let part = data.join("cifar-10-binary.tar.gz.part");
            if left {
                wait_for(&part);
            }
            std::thread::sleep(Duration::from_millis(300));
            let asked = Instant::now();
            signal(&child, "TERM");
            let output = child.wait_with_output().unwrap();
            assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
            assert_eq!(output.status.code(), Some(143), "{}", stderr(&output));
            assert_eq!(part.exists(), left);
            if resumed {
                assert_eq!(status(&run)["life"], "ended");
            }
        }
    }
}

#[test]
fn a_signal_during_the_frozen_evaluation_stops_it() {
    // Many passes: it is encoding; one: the probes are trained on what is encoded.
    for passes in ["100000", "1"] {
        let (_scratch, run) = scratch();
        let mut command = start(&run);
        command.args([
            "--set",
            "run.epochs=1",
            "--set",
            "eval.probe_epochs=100000",
            "--set",
            "eval.cache=false",
        ]);
        let child = spawn(command.args(["--set", &format!("eval.feature_passes={passes}")]));
        wait_for(&run.join("gates.json"));
        std::thread::sleep(Duration::from_millis(500));
        signal(&child, "TERM");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(143), "{}", stderr(&output));
        assert!(stderr(&output).contains("seqjepa resume"), "{}", stderr(&output));
        assert!(!run.join("evaluation.json").exists());
    }
}

/// As in a terminal that is held (Ctrl-S): the run waits for what reads its messages, and comes to no end of an epoch.
#[test]
fn a_second_signal_ends_at_once() {
    let (_scratch, run) = scratch();
    let (messages, mut filled) = std::io::pipe().unwrap();
    let mut command = start(&run);
    // Minutes, should it not be stopped.
    command.args(["--set", "run.epochs=5000"]).stdout(Stdio::null()).stderr(filled.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    drop(command);
    wait_for(&run.join("metrics.csv"));
    // Until nothing reads any more.
    let filler = std::thread::spawn(move || while filled.write_all(&[b'.'; 4096]).is_ok() {});
    let length = || fs::metadata(run.join("metrics.csv")).unwrap().len();
    let started = Instant::now();
    let (mut known, mut since) = (length(), started);
    while since.elapsed() < Duration::from_secs(2) {
        assert!(started.elapsed() < Duration::from_secs(60), "the run waits for nothing");
        std::thread::sleep(Duration::from_millis(20));
        if known != length() {
            (known, since) = (length(), Instant::now());
        }
    }
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "the first signal ended a run that could not go on");
    let second = Instant::now();
    signal(&child, "INT");
    assert_eq!(ended(child, "INT").status.code(), Some(130));
    assert!(second.elapsed() < Duration::from_secs(5));
    drop(messages);
    filler.join().unwrap();
}

#[test]
fn two_processes_cannot_train_into_one_folder() {
    let (_scratch, run) = scratch();
    let mut child = spawn(start(&run).args(ENDLESS));
    wait_for(&run.join("checkpoints/last.safetensors"));
    let output = end(&mut resume(&run));
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("another process") && error.contains(&child.id().to_string()), "{error}");

    // A killed process leaves its lock file, which holds nobody up.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(run.join("lock").exists());
    let output = end(program().arg("status").arg(&run));
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stdout).contains("died while"), "{output:?}");
    let child = spawn(&mut resume(&run));
    std::thread::sleep(Duration::from_millis(500));
    signal(&child, "INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
}

#[test]
fn a_changed_config_is_refused_and_a_longer_run_is_not() {
    let (_scratch, run) = scratch();
    assert!(end(start(&run).arg("--skip-evaluation")).status.success());
    let before = fs::read(run.join("checkpoints/last.safetensors")).unwrap();

    let output = end(resume(&run).args(["--set", "optim.lr=0.5", "--set", "dataset.seq_len=3"]));
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("`optim.lr`: the run has 0.001, given is 0.5"), "{error}");
    assert!(error.contains("`dataset.seq_len`: the run has 2, given is 3"), "{error}");
    // A config that was edited in the run folder is no other case.
    let config = fs::read_to_string(run.join("config.yaml")).unwrap();
    fs::write(run.join("config.yaml"), config.replace("weight_decay: 0.0", "weight_decay: 0.5")).unwrap();
    let error = stderr(&end(&mut resume(&run)));
    assert!(error.contains("`optim.weight_decay`: the run has 0.0, given is 0.5"), "{error}");
    fs::write(run.join("config.yaml"), config).unwrap();
    // One whose values are the same is taken.
    let mut same = resume(&run);
    same.arg("--config").arg(run.with_file_name("tiny.yaml")).arg("--skip-evaluation");
    assert!(end(&mut same).status.success());
    assert_eq!(fs::read(run.join("checkpoints/last.safetensors")).unwrap(), before);

    let output = end(resume(&run).args(["--skip-evaluation", "--set", "run.epochs=3"]));
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count(), 3);
    assert!(fs::read_to_string(run.join("config.yaml")).unwrap().contains("epochs: 3"));
}

#[test]
fn a_damaged_checkpoint_is_named_and_the_one_before_is_used() {
    let (_scratch, run) = scratch();
    assert!(end(start(&run).arg("--skip-evaluation")).status.success());
    let last = run.join("checkpoints/last.safetensors");
    let mut bytes = fs::read(&last).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&last, bytes).unwrap();
    let output = end(resume(&run).arg("--skip-evaluation"));
    let error = stderr(&output);
    assert!(output.status.success(), "{error}");
    assert!(error.contains("last.safetensors: it is damaged"), "{error}");
    assert!(error.contains("continuing from") && error.contains("step-0000000004.safetensors"), "{error}");
    assert_eq!(fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count(), 2);
}

/// A folder of images, `train/CLASS/*.png` and `val/CLASS/*.png`.
fn image_folder(root: &Path) {
    for split in ["train", "val"] {
        for class in ["a", "b"] {
            let folder = root.join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for number in 0..8_u8 {
                let shade = |x, y| image::Rgb([number * 20, (x * 9) as u8, (y * 9) as u8]);
                image::RgbImage::from_fn(20, 20, shade).save(folder.join(format!("{number}.png"))).unwrap();
            }
        }
    }
}

#[test]
fn images_that_break_or_vanish_are_named() {
    let (scratch, run) = scratch();
    let data = scratch.path().join("images");
    image_folder(&data);
    let root = format!("dataset.data_root={}", data.display());
    let folder = ["--set", "dataset.name=image_folder", "--set", &root];

    // Corrupt from the start: nothing is written.
    let victim = data.join("train/b/3.png");
    let image = fs::read(&victim).unwrap();
    fs::write(&victim, &image[..image.len() / 2]).unwrap();
    let output = end(start(&run).args(folder));
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains(&victim.display().to_string()), "{error}");
    assert!(!run.exists());

    // Deleted while the run goes on: it has read its images, and is not disturbed.
    fs::write(&victim, &image).unwrap();
    let child = spawn(start(&run).args(folder).args(ENDLESS));
    wait_for(&run.join("checkpoints/last.safetensors"));
    fs::remove_file(&victim).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    signal(&child, "INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    let kept = fs::read(run.join("checkpoints/last.safetensors")).unwrap();
    // A resume would train on other images, and says so.
    let error = stderr(&end(&mut resume(&run)));
    assert!(error.contains("the training images are not those of the run"), "{error}");
    // Truncated: the file is named.
    fs::write(&victim, &image[..image.len() / 2]).unwrap();
    let output = end(&mut resume(&run));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&victim.display().to_string()), "{}", stderr(&output));
    assert_eq!(fs::read(run.join("checkpoints/last.safetensors")).unwrap(), kept);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let (scratch, _) = scratch();
    // Below a file; permissions would not stop a superuser.
    let run = scratch.path().join("tiny.yaml/run");
    let mut command = program();
    command.arg("train");
    command.arg("--config").arg(scratch.path().join("tiny.yaml"));
    let output = end(command.args(["--set", &format!("run.output_dir={}", run.display())]));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&run.display().to_string()), "{}", stderr(&output));
}

/// A process that may write no file longer than a few KiB: the kernel refuses the rest of a checkpoint.
#[test]
fn a_run_folder_that_is_moved_ends_the_run_with_its_new_place() {
    let (_scratch, run) = scratch();
    let child = spawn(start(&run).args(ENDLESS));
    wait_for(&run.join("checkpoints/last.safetensors"));
    let moved = run.with_file_name("moved");
    fs::rename(&run, &moved).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(
        stderr(&output).contains(&*moved.canonicalize().unwrap().to_string_lossy()),
        "{}",
        stderr(&output)
    );
    assert!(!run.exists());
    assert_eq!(status(&moved)["state"], "failed");
    // None are in the status yet if the folder was moved right after the first epoch's checkpoint.
    let done = status(&moved)["last_metrics"]["epoch"].as_u64().unwrap_or(1);
    let epochs = format!("run.epochs={}", done + 2);
    let output = end(resume(&moved).args(["--set", &epochs, "--allow-config-change", "--skip-evaluation"]));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

/// Every command that reads a file, and every kind of file that would keep it waiting or never end.
#[test]
fn pipes_and_devices_are_refused_at_once() {
    let (scratch, run) = scratch();
    assert!(end(start(&run).arg("--skip-evaluation")).status.success());
    let pipe = scratch.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let npy = scratch.path().join("pipe.npy");
    assert!(Command::new("mkfifo").arg(&npy).status().unwrap().success());
    for path in [&pipe, Path::new("/dev/zero"), &npy] {
        let name = path.display().to_string();
        for arguments in [
            vec!["train", "--config", &name],
            vec!["resume", &name],
            vec!["config", "check", &name],
            vec!["evaluate", "--checkpoint", &name],
            vec!["embed", "--checkpoint", &name, "--images", ".", "--output", "x.npy"],
            vec!["export", "--checkpoint", &name, "--output", "x.safetensors"],
            vec!["compare", &name],
            vec!["views", "--replay", &name],
            vec!["probe", "--train", &name, "--test", &name],
        ] {
            let mut command = program();
            command.arg(arguments[0]);
            command.args(&arguments[1..]).current_dir(scratch.path()).env("TMPDIR", scratch.path());
            let mut child = spawn(&mut command);
            let started = Instant::now();
            while child.try_wait().unwrap().is_none() {
                if started.elapsed() > Duration::from_secs(20) {
                    child.kill().unwrap();
                    panic!("{arguments:?} waits");
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", stderr(&output));
            assert!(stderr(&output).contains(&name), "{arguments:?}: {}", stderr(&output));
        }
    }
    assert!(!scratch.path().join("x.npy").exists());
}

#[test]
fn a_write_that_the_kernel_refuses_leaves_the_files_whole() {
    let (_scratch, run) = scratch();
    assert!(end(start(&run).arg("--skip-evaluation")).status.success());
    let kept = fs::read(run.join("checkpoints/last.safetensors")).unwrap();
    let mut shell = Command::new("sh");
    // Ignored signals stay ignored in the program that takes the shell's place.
    shell.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\""]).arg(env!("CARGO_BIN_EXE_seqjepa"));
    shell.args(["train", "--resume"]).arg(&run).args(["--set", "run.epochs=3", "--skip-evaluation"]);
    let output = end(&mut shell);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("could not write") && error.contains("last.safetensors"), "{error}");
    assert_eq!(fs::read(run.join("checkpoints/last.safetensors")).unwrap(), kept);
    let names: Vec<_> = fs::read_dir(run.join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
    assert!(end(resume(&run).args(["--set", "run.epochs=3", "--skip-evaluation"])).status.success());
}

/// The same run on a disk of its own that is too small for it.
#[test]
fn a_full_disk_stops_the_run_and_room_lets_it_go_on() {
    let (scratch, _) = scratch();
    let disk = scratch.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
        .arg(&disk)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        // Not a silent pass: the injected faults of seqjepa-train's tests and the file-size limit above remain.
        note("no tmpfs can be mounted here (that takes privileges): the full disk is NOT tested");
        return;
    }
    let unmount = Unmount(disk.clone());
    let run = disk.join("run");
    let output = format!("run.output_dir={}", run.display());
    let mut command = program();
    command.arg("train");
    command.arg("--config").arg(scratch.path().join("tiny.yaml")).args([
        "--set",
        &output,
        "--skip-evaluation",
    ]);
    let first = end(command.args(["--set", "run.keep_last=100"]).args(ENDLESS));
    let error = stderr(&first);
    assert_eq!(first.status.code(), Some(1), "{error}");
    assert!(error.contains("No space left") && error.contains(&disk.display().to_string()), "{error}");
    // Every line is whole, and there is a checkpoint to go on from.
    for line in fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(run.join("checkpoints/last.safetensors").exists());
    assert!(Command::new("mount").args(["-o", "remount,size=64m"]).arg(&disk).status().unwrap().success());
    let child = spawn(&mut resume(&run));
    std::thread::sleep(Duration::from_secs(1));
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143), "{}", stderr(&output));
    drop(unmount);
}

struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[expect(clippy::print_stderr, reason = "a test that cannot run must not pass in silence")]
fn note(text: &str) {
    eprintln!("{text}");
}
