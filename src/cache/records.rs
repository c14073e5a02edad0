//! Records of one length that live as long as a stage: in memory up to a limit, then in a file
//! without a name.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Add;
use std::path::{Path, PathBuf};

use crate::base::fs::{self, FileError};

/// How much space records may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes in memory.
    pub memory: u64,
    /// Bytes on disk.
    pub disk: u64,
    /// Directory for files without names. If `None`, nothing is written to disk.
    pub folder: Option<PathBuf>,
}

/// How many records there is room for. Those with lower numbers come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// Number in memory.
    pub in_memory: usize,
    /// Number on disk.
    pub on_disk: usize,
}

impl Fit {
    /// As many of `n` records of `len` numbers as the limits of `room` allow.
    pub fn of(n: usize, len: usize, room: &Room) -> Self {
        let bytes = (len * size_of::<f32>()).max(1) as u64;
        let fitting = |bound: u64| usize::try_from(bound / bytes).unwrap_or(usize::MAX);
        let in_memory = n.min(fitting(room.memory));
        let on_disk = match room.folder {
            Some(_) => (n - in_memory).min(fitting(room.disk)),
            None => 0,
        };
        Self { in_memory, on_disk }
    }
}

impl Add for Fit {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let (in_memory, on_disk) = (self.in_memory, self.on_disk);
        Self { in_memory: in_memory + other.in_memory, on_disk: on_disk + other.on_disk }
    }
}

/// Records by number; each is a list of numbers of the same length.
#[derive(Debug)]
pub struct Records {
    len: usize,
    /// Records in memory; empty if not written yet.
    memory: Vec<Vec<f32>>,
    /// Whether each record on disk has been written, and the file.
    disk: Vec<bool>,
    file: Option<(File, PathBuf)>,
}

/// The location of a record.
enum Slot {
    Memory(usize),
    Disk(usize),
}

impl Records {
    /// Creates room for as many of `n` records of `len` numbers as the limits allow, the first ones
    /// first.
    ///
    /// # Errors
    /// When a file is needed and cannot be created.
    pub fn new(n: usize, len: usize, room: &Room) -> Result<Self, FileError> {
        let Fit { in_memory, on_disk } = Fit::of(n, len, room);
        let file = match &room.folder {
            Some(folder) if on_disk > 0 => Some((nameless_file(folder)?, folder.clone())),
            _ => None,
        };
        Ok(Self { len, memory: vec![vec![]; in_memory], disk: vec![false; on_disk], file })
    }

    /// The bytes that all records take in memory and on disk, once they are written.
    pub fn bytes(&self) -> (u64, u64) {
        let bytes = |n: usize| (n * self.len * size_of::<f32>()) as u64;
        (bytes(self.memory.len()), bytes(self.disk.len()))
    }

    /// Whether there is room for a record with this number.
    pub fn fits(&self, number: usize) -> bool {
        self.slot(number).is_some()
    }

    /// Whether a record has been written.
    pub fn has(&self, number: usize) -> bool {
        match self.slot(number) {
            Some(Slot::Memory(number)) => !self.memory[number].is_empty(),
            Some(Slot::Disk(number)) => self.disk[number],
            None => false,
        }
    }

    /// Writes a record, if there is room for one with this number.
    ///
    /// # Errors
    /// When its file cannot be written.
    ///
    /// # Panics
    /// When it does not have the common length of the records.
    pub fn write(&mut self, number: usize, record: &[f32]) -> Result<(), FileError> {
        assert_eq!(record.len(), self.len, "all records have one length");
        match self.slot(number) {
            Some(Slot::Memory(number)) => self.memory[number] = record.to_vec(),
            Some(Slot::Disk(number)) => {
                let bytes: Vec<u8> = record.iter().flat_map(|value| value.to_le_bytes()).collect();
                self.at(number, "write", |file| file.write_all(&bytes))?;
                self.disk[number] = true;
            }
            None => {}
        }
        Ok(())
    }

    /// Reads a record that has been written.
    ///
    /// # Errors
    /// When its file cannot be read.
    ///
    /// # Panics
    /// When it has not been written, or `out` does not have the common length of the records.
    pub fn read(&mut self, number: usize, out: &mut [f32]) -> Result<(), FileError> {
        assert!(self.has(number), "record {number} has been written");
        match self.slot(number) {
            Some(Slot::Disk(number)) => {
                let mut bytes = vec![0; self.len * size_of::<f32>()];
                self.at(number, "read", |file| file.read_exact(&mut bytes))?;
                for (out, bytes) in out.iter_mut().zip(bytes.chunks_exact(4)) {
                    *out = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                }
            }
            Some(Slot::Memory(number)) => out.copy_from_slice(&self.memory[number]),
            None => {}
        }
        Ok(())
    }

    fn slot(&self, number: usize) -> Option<Slot> {
        match number.checked_sub(self.memory.len()) {
            None => Some(Slot::Memory(number)),
            Some(number) if number < self.disk.len() => Some(Slot::Disk(number)),
            Some(_) => None,
        }
    }

    fn at(
        &mut self,
        number: usize,
        action: &'static str,
        work: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> Result<(), FileError> {
        let (file, folder) = self.file.as_mut().expect("records on disk have a file");
        let start = (number * self.len * size_of::<f32>()) as u64;
        let result = file.seek(SeekFrom::Start(start)).and_then(|_| work(file));
        result.map_err(|source| FileError::new(action, folder, source))
    }
}

/// A file that is removed when it is closed, even if the process is killed.
fn nameless_file(folder: &Path) -> Result<File, FileError> {
    fs::create_dir_all(folder)?;
    tempfile::tempfile_in(folder)
        .map_err(|source| FileError::new("create a temporary file in", folder, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_go_to_memory_then_to_disk_then_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room { memory: 20, disk: 24, folder: Some(folder.path().to_path_buf()) };
        let mut records = Records::new(10, 2, &room).unwrap();
        assert_eq!(Fit::of(10, 2, &room), Fit { in_memory: 2, on_disk: 3 });
        let record = |number: usize| [number as f32, -0.5];
        for number in (0..10).rev() {
            records.write(number, &record(number)).unwrap();
        }
        for number in 0..10 {
            assert_eq!([records.has(number), records.fits(number)], [number < 5; 2]);
        }
        for number in 0..5 {
            let mut out = [0.0; 2];
            records.read(number, &mut out).unwrap();
            assert_eq!(out, record(number));
        }
        assert_eq!(fs::read_dir_sorted(folder.path()).unwrap().len(), 0, "the file has no name");
    }

    #[test]
    fn without_a_folder_nothing_goes_to_disk() {
        let room = Room { memory: 8, disk: 1000, folder: None };
        assert_eq!(Fit::of(3, 2, &room), Fit { in_memory: 1, on_disk: 0 });
        let mut records = Records::new(3, 2, &room).unwrap();
        records.write(1, &[1.0, 2.0]).unwrap();
        assert!(!records.has(1), "there is no room for it");
    }
}
