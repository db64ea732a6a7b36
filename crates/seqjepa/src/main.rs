//! The command `seqjepa`.

fn main() -> std::process::ExitCode {
    seqjepa::command::main()
}
