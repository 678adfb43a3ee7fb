//! Wakes an event loop from any thread: one descriptor, readable when something is queued.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

/// An eventfd; a pair of sockets where there is none.
pub(super) struct Alarm {
    read: File,
    #[cfg(not(target_os = "linux"))]
    write: File,
    /// True from a write until the loop has seen it: one write wakes the loop for all that is queued.
    rung: AtomicBool,
}

impl Alarm {
    #[cfg(target_os = "linux")]
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { read: eventfd()?, rung: AtomicBool::new(false) })
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn new() -> io::Result<Self> {
        let (read, write) = std::os::unix::net::UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        let file = |end| File::from(std::os::fd::OwnedFd::from(end));
        Ok(Self { read: file(read), write: file(write), rung: AtomicBool::new(false) })
    }

    /// What the loop watches.
    pub(super) fn fd(&self) -> RawFd {
        self.read.as_raw_fd()
    }

    /// Wakes the loop; any thread.
    pub(super) fn ring(&self) {
        if self.rung.swap(true, Ordering::AcqRel) {
            return;
        }
        #[cfg(target_os = "linux")]
        let mut write = &self.read;
        #[cfg(not(target_os = "linux"))]
        let mut write = &self.write;
        // It fails only when the counter is full, and then the loop is awake.
        let _ = write.write(&1u64.to_ne_bytes());
    }

    /// The loop is awake: called before the queue is looked at, so that nothing queued later is missed.
    pub(super) fn hush(&self) {
        self.hush_around(|| ());
    }

    /// Reads first and only then lets rings write again. The other way round a ring in between leaves its mark but not
    /// its byte, which is read here, and no later ring is ever heard.
    fn hush_around(&self, between: impl FnOnce()) {
        let mut read = &self.read;
        // Nothing to read is as good: it was read before.
        let _ = read.read(&mut [0; 8]);
        between();
        // A ring that came too early to write queued its task before: this makes it visible to who looks now.
        self.rung.swap(false, Ordering::AcqRel);
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "libc has no safe eventfd")]
fn eventfd() -> io::Result<File> {
    use std::os::fd::FromRawFd;

    // SAFETY: eventfd takes no pointers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was opened just now and nobody else owns it.
    Ok(unsafe { File::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_heard(alarm: &Alarm) -> bool {
        let mut read = &alarm.read;
        read.read(&mut [0; 8]).is_ok()
    }

    #[test]
    fn a_ring_is_heard_once_until_it_is_hushed() {
        let alarm = Alarm::new().unwrap();
        assert!(!is_heard(&alarm));
        alarm.ring();
        alarm.ring();
        assert!(is_heard(&alarm));
        assert!(!is_heard(&alarm));
    }

    #[test]
    fn a_ring_after_a_hush_is_heard_whatever_rang_meanwhile() {
        let alarm = Alarm::new().unwrap();
        alarm.ring();
        alarm.hush_around(|| alarm.ring());
        alarm.ring();
        assert!(is_heard(&alarm));
    }

    #[test]
    fn a_hush_without_a_ring_leaves_the_alarm_working() {
        let alarm = Alarm::new().unwrap();
        alarm.hush();
        alarm.ring();
        assert!(is_heard(&alarm));
    }
}
