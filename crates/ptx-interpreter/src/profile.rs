//! A line of JSON for each launch.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use crate::device::{LaunchReport, LaunchShape};

/// Where the lines are written.
#[derive(Debug)]
pub(crate) struct Profile(File);

impl Profile {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        File::create(path).map(Self)
    }

    pub(crate) fn launch(
        &mut self,
        kernel: &str,
        shape: &LaunchShape,
        report: &LaunchReport,
        duration: Duration,
    ) -> io::Result<()> {
        self.0.write_all(line(kernel, shape, report, duration).as_bytes())
    }
}

/// The name of a kernel has no characters that JSON would want escaped.
fn line(kernel: &str, shape: &LaunchShape, report: &LaunchReport, duration: Duration) -> String {
    let LaunchShape { grid, block, dynamic_shared } = shape;
    let LaunchReport { instructions, lane_instructions, bytes_read, bytes_written } = report;
    format!(
        "{{\"kernel\":\"{kernel}\",\"grid\":{grid:?},\"block\":{block:?},\"dynamic_shared\":{dynamic_shared},\
         \"instructions\":{instructions},\"lane_instructions\":{lane_instructions},\"bytes_read\":{bytes_read},\
         \"bytes_written\":{bytes_written},\"seconds\":{:.6}}}\n",
        duration.as_secs_f64()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_is_one_line() {
        let shape = LaunchShape { grid: [2, 1, 1], block: [32, 4, 1], dynamic_shared: 64 };
        let report =
            LaunchReport { instructions: 5, lane_instructions: 160, bytes_read: 8, bytes_written: 4 };
        assert_eq!(
            line("k", &shape, &report, Duration::from_millis(1500)),
            "{\"kernel\":\"k\",\"grid\":[2, 1, 1],\"block\":[32, 4, 1],\"dynamic_shared\":64,\"instructions\":5,\
             \"lane_instructions\":160,\"bytes_read\":8,\"bytes_written\":4,\"seconds\":1.500000}\n"
        );
    }
}
