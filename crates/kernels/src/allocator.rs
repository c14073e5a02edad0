//! The allocator: reports when no memory is left, and gives memory back.

use std::alloc::{GlobalAlloc, Layout};

/// The option `mi_option_purge_delay` of mimalloc, versions 2 and 3.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// How long freed memory is kept, in milliseconds: longer than any step. By default, it is one second, and
/// training from scratch then spends a tenth of its time on memory that it asks for again.
const KEPT: std::ffi::c_long = 10_000;

/// Keeps freed memory longer than mimalloc does by default, unless its environment variables say how
/// long. To be called when the process starts.
pub fn keep_memory() {
    // SAFETY: the function may be called at any time, by any thread.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, KEPT) }
}

/// Gives memory that was freed back to the system, if the allocator of the process is mimalloc. By itself
/// it does so too late where a long list becomes another, or one kind of work another.
pub fn give_back() {
    // SAFETY: the function may be called at any time, by any thread.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

/// The largest request whose failure is reported, in bytes. A larger one may come from a damaged
/// file, and its reader expects an error.
const LARGEST: usize = 1 << 30;

/// An allocator that calls a function if it has no memory left, instead of aborting the process
/// with a backtrace.
#[derive(Debug)]
pub struct Reporting<A> {
    inner: A,
    report: fn(usize) -> !,
}

impl<A> Reporting<A> {
    /// Wraps an allocator. `report` takes the size of the request in bytes. It must end the process
    /// without allocating.
    pub const fn new(inner: A, report: fn(usize) -> !) -> Self {
        Self { inner, report }
    }

    fn checked(&self, memory: *mut u8, size: usize) -> *mut u8 {
        if memory.is_null() && size <= LARGEST {
            (self.report)(size);
        }
        memory
    }
}

// SAFETY: memory comes from the inner allocator, unchanged, and goes back to it.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Reporting<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on to the caller; so in all functions below.
        let memory = unsafe { self.inner.alloc(layout) };
        self.checked(memory, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let memory = unsafe { self.inner.alloc_zeroed(layout) };
        self.checked(memory, layout.size())
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let memory = unsafe { self.inner.realloc(memory, layout, size) };
        self.checked(memory, size)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.inner.dealloc(memory, layout) }
    }
}
