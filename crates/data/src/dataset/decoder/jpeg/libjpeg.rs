//! A safe face of libjpeg's decompressor, for one file that lies in memory.
//!
//! The library reports errors by a callback that must not return. Here it unwinds through the C code, which is built for that, up to
//! [`Reading::call`]; the panic hook is not run. The data source *suspends* at the end of the file, as Pillow's does, instead of
//! inventing an end of image: so a file that is cut short is told from a whole one.

use std::any::Any;
use std::ffi::{CStr, c_char, c_int, c_long};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

use mozjpeg_sys as sys;
use sys::{J_COLOR_SPACE, jpeg_common_struct, jpeg_decompress_struct};

use super::super::limits::MAX_WORKING;

/// Most bytes that the library may keep of coefficients: those of a progressive file, or of one with several scans.
pub(super) const MAX_MEMORY: u64 = MAX_WORKING;

/// Most scans of a file. Real ones have about ten; thousands over a large picture would only keep a processor busy.
const MAX_SCANS: c_int = 1000;

/// "Bad arithmetic code": its number in a build that decodes arithmetic coding, which the bindings were not made from.
const JWRN_ARITH_BAD_CODE: c_int = 126;

/// What the library calls a suspended header.
const SUSPENDED: c_int = 0;

/// What pixels the library gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Grey,
    Rgb,
    Cmyk,
}

impl Ink {
    pub(super) fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

/// What is known before memory is asked for.
#[derive(Debug)]
pub(super) struct Header {
    pub width: u32,
    pub height: u32,
    pub ink: Ink,
}

/// What becomes of warnings that mean damaged picture data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Warnings {
    /// Decoding ends there.
    Stop,
    /// Decoding goes on, and they are noted.
    Pass,
    /// Decoding goes on.
    Ignore,
}

/// Why decoding cannot go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file ends too early.
    Truncated,
    Corrupt {
        offset: u64,
        found: String,
    },
    /// A kind of JPEG that the library does not decode.
    Unsupported(String),
    /// More memory would be needed than is allowed.
    Memory,
}

/// An error of the library, on its way through C.
struct Failure {
    code: c_int,
    text: String,
}

/// One decompressor, in one place of the heap: the library keeps pointers into it.
struct Session {
    info: jpeg_decompress_struct,
    errors: sys::jpeg_error_mgr,
    source: sys::jpeg_source_mgr,
    progress: sys::jpeg_progress_mgr,
    length: usize,
    warnings: Warnings,
    /// The first warning that means damage.
    damage: Option<(u64, String)>,
}

/// A decompressor that reads `'a`.
pub(super) struct Reading<'a> {
    /// From `Box::into_raw`, so that no reference of Rust stands in the way of the library's pointers.
    session: *mut Session,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(bytes: &'a [u8], warnings: Warnings) -> Result<Self, super::Fault> {
        // SAFETY: all four are plain C structures, for which zeros are what the library expects of memory that it sets up.
        let (info, errors, progress) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        let source = sys::jpeg_source_mgr {
            next_input_byte: bytes.as_ptr(),
            bytes_in_buffer: bytes.len(),
            init_source: Some(nothing),
            fill_input_buffer: Some(suspend),
            skip_input_data: Some(skip),
            resync_to_restart: Some(sys::jpeg_resync_to_restart),
            term_source: Some(nothing),
        };
        let length = bytes.len();
        let session = Session { info, errors, source, progress, length, warnings, damage: None };
        let session = Box::into_raw(Box::new(session));
        let mut reading = Self { session, bytes: PhantomData };
        // SAFETY: the session lives as long as `reading`, at one address; each structure is set up by the library itself.
        let created = unsafe {
            let errors = &mut (*session).errors;
            sys::jpeg_std_error(errors);
            errors.error_exit = Some(fail);
            errors.emit_message = Some(warn);
            errors.output_message = Some(silent);
            (*session).info.common.err = &raw mut (*session).errors;
            reading.call(|info| {
                let size = size_of::<jpeg_decompress_struct>();
                sys::jpeg_CreateDecompress(info, sys::JPEG_LIB_VERSION, size);
            })
        };
        created.map_err(|_| super::Fault::Unsupported("a libjpeg of another version".to_owned()))?;
        // SAFETY: as above; the library has set up `info.common.mem`.
        unsafe {
            (*session).info.common.client_data = session.cast();
            (*session).info.src = &raw mut (*session).source;
            (*session).progress.progress_monitor = Some(watch);
            (*session).info.common.progress = &raw mut (*session).progress;
            (*(*session).info.common.mem).max_memory_to_use =
                c_long::try_from(MAX_MEMORY).unwrap_or(c_long::MAX);
        }
        Ok(reading)
    }

    /// Reads up to the first scan, and sets what will be decoded.
    pub(super) fn header(&mut self) -> Result<Header, Stop> {
        // SAFETY: the decompressor was created.
        if self.call(|info| unsafe { sys::jpeg_read_header(info, 1) })? == SUSPENDED {
            return Err(Stop::Truncated);
        }
        // SAFETY: nobody else uses the session while `self` is borrowed.
        let info = unsafe { &mut (*self.session).info };
        // Pillow's modes by the number of components; what the components are is the library's guess, as there.
        let (ink, space) = match info.num_components {
            1 => (Ink::Grey, J_COLOR_SPACE::JCS_GRAYSCALE),
            3 => (Ink::Rgb, J_COLOR_SPACE::JCS_RGB),
            4 => (Ink::Cmyk, J_COLOR_SPACE::JCS_CMYK),
            other => return Err(Stop::Unsupported(format!("a JPEG file of {other} components"))),
        };
        info.out_color_space = space;
        Ok(Header { width: info.image_width, height: info.image_height, ink })
    }

    /// Makes ready; of a file with several scans, reads all of them.
    pub(super) fn start(&mut self) -> Result<(), Stop> {
        // SAFETY: the header was read.
        let started = self.call(|info| unsafe { sys::jpeg_start_decompress(info) })?;
        if started == 0 { Err(Stop::Truncated) } else { Ok(()) }
    }

    /// Reads the next row; `out` has room for it.
    pub(super) fn row(&mut self, out: &mut [u8]) -> Result<(), Stop> {
        let read = self.call(|info| {
            assert_eq!(
                out.len(),
                info.output_width as usize * usize::try_from(info.output_components).unwrap_or(0),
                "room for a row"
            );
            let mut rows = [out.as_mut_ptr()];
            // SAFETY: decompression was started, and `out` takes the whole row that the library writes.
            unsafe { sys::jpeg_read_scanlines(info, rows.as_mut_ptr(), 1) }
        })?;
        if read == 1 { Ok(()) } else { Err(Stop::Truncated) }
    }

    /// Reads what follows the last row. A file that ends there without saying so is whole, as it is for Pillow, and so is one with
    /// warnings from there on.
    pub(super) fn finish(&mut self) -> Result<(), Stop> {
        // SAFETY: nobody else uses the session while `self` is borrowed.
        unsafe { (*self.session).warnings = Warnings::Ignore };
        // SAFETY: every row was read.
        self.call(|info| unsafe { sys::jpeg_finish_decompress(info) }).map(drop)
    }

    /// The first warning that means damage, with its place.
    pub(super) fn damage(&self) -> Option<(u64, String)> {
        // SAFETY: nobody else uses the session while `self` is borrowed.
        unsafe { (*self.session).damage.clone() }
    }

    /// Calls into the library.
    fn call<T>(&mut self, call: impl FnOnce(&mut jpeg_decompress_struct) -> T) -> Result<T, Stop> {
        let session = self.session;
        // SAFETY: the session lives; callbacks touch only other fields of it than `info`, which they are given by the library.
        let result = catch_unwind(AssertUnwindSafe(|| call(unsafe { &mut (*session).info })));
        result.map_err(|payload| self.stopped(payload))
    }

    fn stopped(&self, payload: Box<dyn Any + Send>) -> Stop {
        let failure = match payload.downcast::<Failure>() {
            Ok(failure) => failure,
            // A bug of this module: not to be hidden.
            Err(other) => resume_unwind(other),
        };
        match failure.code {
            sys::JERR_NO_BACKING_STORE | sys::JERR_OUT_OF_MEMORY => Stop::Memory,
            sys::JERR_BAD_PRECISION
            | sys::JERR_SOF_UNSUPPORTED
            | sys::JERR_COMPONENT_COUNT
            | sys::JERR_IMAGE_TOO_BIG
            | sys::JERR_CONVERSION_NOTIMPL
            | sys::JERR_FRACT_SAMPLE_NOTIMPL
            | sys::JERR_CCIR601_NOTIMPL
            | sys::JERR_NOT_COMPILED
            | sys::JERR_ARITH_NOTIMPL => Stop::Unsupported(format!("a JPEG file: {}", failure.text)),
            _ => {
                // SAFETY: nobody else uses the session while `self` is borrowed.
                let offset = unsafe { offset(self.session) };
                let found = match failure.code {
                    // The arithmetic decoder cannot wait for more.
                    sys::JERR_CANT_SUSPEND => "the end of the file before that of the picture".to_owned(),
                    _ => failure.text,
                };
                Stop::Corrupt { offset, found }
            }
        }
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        // SAFETY: the session came from a box and is used by nobody any more; destroying a decompressor frees what it has, also
        // one that was never created (its memory manager is null), and reports no errors.
        unsafe {
            sys::jpeg_destroy_decompress(&mut (*self.session).info);
            drop(Box::from_raw(self.session));
        }
    }
}

/// How far the library has read, in bytes.
///
/// # Safety
/// `session` lives.
unsafe fn offset(session: *const Session) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { ((*session).length - (*session).source.bytes_in_buffer.min((*session).length)) as u64 }
}

/// The library's text for its current message.
fn text(info: &mut jpeg_common_struct) -> String {
    let mut buffer: [c_char; 200] = [0; 200];
    // SAFETY: `format_message` is that of `jpeg_std_error`, which writes at most 200 bytes with a 0 at the end. The bindings
    // declare its second parameter as a shared array of 80 bytes; in C it is the pointer that is given here.
    unsafe {
        let format = (*info.err).format_message.expect("set by jpeg_std_error");
        type Format = unsafe extern "C-unwind" fn(*mut jpeg_common_struct, *mut c_char);
        let format = std::mem::transmute::<
            unsafe extern "C-unwind" fn(&mut jpeg_common_struct, &[u8; 80]),
            Format,
        >(format);
        format(info, buffer.as_mut_ptr());
        CStr::from_ptr(buffer.as_ptr()).to_string_lossy().into_owned()
    }
}

/// The library's error exit: must not return.
unsafe extern "C-unwind" fn fail(info: &mut jpeg_common_struct) {
    // SAFETY: the error manager is set before anything can fail.
    let code = unsafe { (*info.err).msg_code };
    resume_unwind(Box::new(Failure { code, text: text(info) }));
}

/// Warnings have a level below 0; what is above is chatter.
unsafe extern "C-unwind" fn warn(info: &mut jpeg_common_struct, level: c_int) {
    let session: *mut Session = info.client_data.cast();
    if level >= 0 || session.is_null() {
        return;
    }
    // SAFETY: as in `fail`.
    let code = unsafe { (*info.err).msg_code };
    // Others are harmless: a version of JFIF or Adobe's marker that is not known, or bytes between two markers.
    let damage = matches!(
        code,
        sys::JWRN_HIT_MARKER
            | sys::JWRN_HUFF_BAD_CODE
            | JWRN_ARITH_BAD_CODE
            | sys::JWRN_MUST_RESYNC
            | sys::JWRN_NOT_SEQUENTIAL
            | sys::JWRN_BOGUS_PROGRESSION
            | sys::JWRN_TOO_MUCH_DATA
    );
    if !damage {
        return;
    }
    let found = text(info);
    // SAFETY: `client_data` is the session, of which only fields beside `info` are used.
    let warnings = unsafe { (*session).warnings };
    match warnings {
        Warnings::Stop => resume_unwind(Box::new(Failure { code, text: found })),
        Warnings::Pass => {
            // SAFETY: as above.
            let (offset, first) = unsafe { (offset(session), &mut (*session).damage) };
            first.get_or_insert((offset, found));
        }
        Warnings::Ignore => {}
    }
}

unsafe extern "C-unwind" fn silent(_: &mut jpeg_common_struct) {}

unsafe extern "C-unwind" fn nothing(_: &mut jpeg_decompress_struct) {}

/// At the end of the file: the library gives back control where it is.
unsafe extern "C-unwind" fn suspend(_: &mut jpeg_decompress_struct) -> sys::boolean {
    0
}

/// Skips bytes; beyond the end of the file, to its end, where the library suspends.
unsafe extern "C-unwind" fn skip(info: &mut jpeg_decompress_struct, count: c_long) {
    // SAFETY: the source was set before anything is read.
    unsafe {
        let source = info.src;
        let count = usize::try_from(count).unwrap_or(0).min((*source).bytes_in_buffer);
        (*source).next_input_byte = (*source).next_input_byte.add(count);
        (*source).bytes_in_buffer -= count;
    }
}

/// Called for every row of every scan while a whole file is read.
unsafe extern "C-unwind" fn watch(info: &mut jpeg_common_struct) {
    let session: *mut Session = info.client_data.cast();
    // SAFETY: `client_data` is the session; the field is read through the pointer, with no reference to `info` beside it.
    let scans = unsafe { ptr::read(&raw const (*session).info.input_scan_number) };
    if scans > MAX_SCANS {
        let text = format!("more than {MAX_SCANS} scans");
        resume_unwind(Box::new(Failure { code: sys::JERR_BAD_PROGRESSION, text }));
    }
}
