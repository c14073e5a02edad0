//! Reads the part of Python's pickle format that a dictionary of tensors needs, as data.
//!
//! A pickle is a program for a stack machine. This machine can build numbers, text, lists, tuples
//! and dictionaries, and knows the few names that PyTorch's tensors need. It never calls anything.
//! Any other instruction or name is an error that reports it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Kind;
use crate::model::weights::error::FormatError;

/// Deepest nesting of tuples and lists.
const DEEPEST: usize = 16;
/// Most values on the stack.
const LONGEST_STACK: usize = 1 << 20;

/// A value of a pickle. Containers are shared, so copying one is cheap.
#[derive(Clone, Debug)]
pub(super) enum Value {
    None,
    Bool,
    Int(i64),
    /// An integer that is too large to be a size.
    Huge(Rc<[u8]>),
    Float,
    Text(Rc<str>),
    Tuple(Rc<Vec<Self>>, usize),
    List(Rc<Vec<Self>>, usize),
    Dict(Rc<BTreeMap<Rc<str>, Self>>, usize),
    /// A name in a module.
    Name(&'static str),
    /// A storage: its key in the file, its number type and its length.
    Storage(Rc<str>, Kind, usize),
    Tensor(Rc<Tensor>),
    Mark,
}

/// A view of a storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tensor {
    pub(super) storage: Rc<str>,
    pub(super) kind: Kind,
    /// Storage of the numbers.
    pub(super) n_stored: usize,
    /// Offset of the first number.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The globals that a pickle may name.
const KNOWN: [&str; 10] = [
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch.FloatStorage",
    "torch.DoubleStorage",
    "torch.HalfStorage",
    "torch.BFloat16Storage",
    "torch.LongStorage",
    "torch.IntStorage",
    "torch.Size",
];

/// Reads the pickle at the start of `bytes`. Returns its value and its end.
pub(super) fn read(bytes: &[u8]) -> Result<(Value, usize), FormatError> {
    let mut machine = Machine { bytes, at: 0, stack: vec![], memo: BTreeMap::new() };
    loop {
        if let Some(value) = machine.step()? {
            return Ok((value, machine.at));
        }
        if machine.stack.len() > LONGEST_STACK {
            return Err(FormatError::new("its pickle builds more values than weights need"));
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Value>,
    memo: BTreeMap<u32, Value>,
}

fn wrong(what: &str) -> FormatError {
    FormatError::new(format!("its pickle is damaged: {what}"))
}

impl Value {
    /// Nesting depth of this container.
    fn depth(&self) -> usize {
        match self {
            Self::Tuple(_, depth) | Self::List(_, depth) | Self::Dict(_, depth) => *depth,
            _ => 0,
        }
    }

    fn count(&self) -> Option<usize> {
        match self {
            Self::Int(n) => usize::try_from(*n).ok(),
            _ => None,
        }
    }

    fn counts(&self) -> Option<Vec<usize>> {
        match self {
            Self::Tuple(items, _) => items.iter().map(Self::count).collect(),
            _ => None,
        }
    }
}

impl Machine<'_> {
    /// Runs one instruction. Returns the value at the end of the pickle.
    fn step(&mut self) -> Result<Option<Value>, FormatError> {
        let code = self.byte()?;
        if code == b'.' {
            return self.pop().map(Some);
        }
        let is_known = self.plain(code)? || self.memory(code)? || self.container(code)?;
        if is_known {
            return Ok(None);
        }
        Err(FormatError::new(format!(
            "its pickle has the instruction {code:#04x}, which tensors do not need; nothing in it was run"
        )))
    }

    /// Instructions that push a plain value, or nothing.
    fn plain(&mut self, code: u8) -> Result<bool, FormatError> {
        let value = match code {
            0x80 => return self.byte().map(|_| true),
            0x95 => return self.take(8).map(|_| true),
            b'N' => Value::None,
            0x88 | 0x89 => Value::Bool,
            b'K' => Value::Int(self.byte()?.into()),
            b'M' => {
                let n = self.take(2)?;
                Value::Int(u16::from_le_bytes([n[0], n[1]]).into())
            }
            b'J' => Value::Int((self.u32()? as i32).into()),
            0x8a => {
                let n = self.byte()?.into();
                long(self.take(n)?)
            }
            b'G' => {
                self.take(8)?;
                Value::Float
            }
            b'X' => {
                let n = self.u32()? as usize;
                self.text(n)?
            }
            0x8c | b'U' => {
                let n = self.byte()?.into();
                self.text(n)?
            }
            b'c' => self.global()?,
            _ => return Ok(false),
        };
        self.stack.push(value);
        Ok(true)
    }

    /// Instructions on values that were built before.
    fn memory(&mut self, code: u8) -> Result<bool, FormatError> {
        match code {
            b'(' => self.stack.push(Value::Mark),
            // The state of an object is not needed here.
            b'0' | b'b' => drop(self.pop()?),
            b'q' => {
                let place = self.byte()?.into();
                self.keep(place)?;
            }
            b'r' => {
                let place = self.u32()?;
                self.keep(place)?;
            }
            0x94 => self.keep(self.memo.len() as u32)?,
            b'h' => {
                let place = self.byte()?.into();
                self.recall(place)?;
            }
            b'j' => {
                let place = self.u32()?;
                self.recall(place)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Instructions that build a value from those on the stack.
    fn container(&mut self, code: u8) -> Result<bool, FormatError> {
        match code {
            b')' => self.tuple(vec![])?,
            b']' => self.stack.push(Value::List(Rc::default(), 1)),
            b'}' => self.stack.push(Value::Dict(Rc::default(), 1)),
            n @ 0x85..=0x87 => {
                let start = self.stack.len().checked_sub(usize::from(n - 0x84));
                let items = start.map(|start| self.stack.split_off(start));
                self.tuple(items.ok_or_else(|| wrong("a tuple of nothing"))?)?;
            }
            b't' => {
                let items = self.marked()?;
                self.tuple(items)?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.marked()?;
                self.append(items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![key, value])?;
            }
            b'u' => {
                let items = self.marked()?;
                self.set(items)?;
            }
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn take(&mut self, n: usize) -> Result<&[u8], FormatError> {
        let end = self.at.checked_add(n).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| FormatError::cut_off("its pickle ends in the middle"))?;
        let bytes = &self.bytes[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    fn byte(&mut self) -> Result<u8, FormatError> {
        Ok(self.take(1)?[0])
    }

    fn u32(&mut self) -> Result<u32, FormatError> {
        let n = self.take(4)?;
        Ok(u32::from_le_bytes([n[0], n[1], n[2], n[3]]))
    }

    fn text(&mut self, n: usize) -> Result<Value, FormatError> {
        let text = String::from_utf8_lossy(self.take(n)?).into_owned();
        Ok(Value::Text(text.into()))
    }

    fn line(&mut self) -> Result<String, FormatError> {
        let rest = &self.bytes[self.at..];
        let n = rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| wrong("a name"))?;
        let line = String::from_utf8_lossy(&rest[..n]).into_owned();
        self.at += n + 1;
        Ok(line)
    }

    fn global(&mut self) -> Result<Value, FormatError> {
        let name = format!("{}.{}", self.line()?, self.line()?);
        let known = KNOWN.into_iter().find(|known| *known == name).ok_or_else(|| {
            FormatError::no_tensors(format!(
                "its pickle names `{name}`, which tensors do not need; nothing in it was run"
            ))
        })?;
        Ok(Value::Name(known))
    }

    fn pop(&mut self) -> Result<Value, FormatError> {
        match self.stack.pop() {
            None | Some(Value::Mark) => Err(wrong("its stack is empty")),
            Some(value) => Ok(value),
        }
    }

    /// The values after the last mark.
    fn marked(&mut self) -> Result<Vec<Value>, FormatError> {
        let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark));
        let items = self.stack.split_off(mark.ok_or_else(|| wrong("no mark"))? + 1);
        self.stack.pop();
        Ok(items)
    }

    fn keep(&mut self, place: u32) -> Result<(), FormatError> {
        let value = self.pop()?;
        self.memo.insert(place, value.clone());
        self.stack.push(value);
        Ok(())
    }

    fn recall(&mut self, place: u32) -> Result<(), FormatError> {
        let value = self
            .memo
            .get(&place)
            .ok_or_else(|| wrong("it recalls a value that was never stored"))?;
        self.stack.push(value.clone());
        Ok(())
    }

    fn tuple(&mut self, items: Vec<Value>) -> Result<(), FormatError> {
        let depth = deeper(&items)?;
        self.stack.push(Value::Tuple(Rc::new(items), depth));
        Ok(())
    }

    fn append(&mut self, items: Vec<Value>) -> Result<(), FormatError> {
        let depth = deeper(&items)?;
        match self.stack.last_mut() {
            Some(Value::List(list, own)) => {
                // A list that is also in the memo is copied. Weights never read it there.
                Rc::make_mut(list).extend(items);
                *own = depth.max(*own);
                Ok(())
            }
            _ => Err(wrong("it appends to a value that is not a list")),
        }
    }

    fn set(&mut self, items: Vec<Value>) -> Result<(), FormatError> {
        let depth = deeper(&items)?;
        let Some(Value::Dict(dict, own)) = self.stack.last_mut() else {
            return Err(wrong("it sets an item of a value that is not a dictionary"));
        };
        *own = depth.max(*own);
        let dict = Rc::make_mut(dict);
        let mut items = items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            // Keys that are not text cannot name tensors.
            if let Value::Text(key) = key {
                dict.insert(key, value);
            }
        }
        Ok(())
    }

    /// `('storage', type, key, place, count, …)`, as PyTorch writes it.
    fn storage(&mut self) -> Result<(), FormatError> {
        let Value::Tuple(items, _) = self.pop()? else { return Err(wrong("a storage")) };
        let (Some(Value::Name(kind)), Some(Value::Text(key)), Some(n)) =
            (items.get(1), items.get(2), items.get(4).and_then(Value::count))
        else {
            return Err(wrong("a storage"));
        };
        let kind = match *kind {
            // Counters are skipped, so only their size matters.
            "torch.FloatStorage" | "torch.IntStorage" => Kind::F32,
            "torch.DoubleStorage" | "torch.LongStorage" => Kind::F64,
            "torch.HalfStorage" => Kind::F16,
            "torch.BFloat16Storage" => Kind::Bf16,
            _ => return Err(wrong("a storage of an unknown type")),
        };
        self.stack.push(Value::Storage(Rc::clone(key), kind, n));
        Ok(())
    }

    /// The results of calling the known names.
    fn call(&mut self) -> Result<(), FormatError> {
        let Value::Tuple(arguments, _) = self.pop()? else { return Err(wrong("a call")) };
        let made = match self.pop()? {
            Value::Name("collections.OrderedDict") if arguments.is_empty() => {
                Value::Dict(Rc::default(), 1)
            }
            Value::Name("torch._utils._rebuild_tensor_v2") => rebuild(&arguments)?,
            Value::Name("torch._utils._rebuild_parameter") => {
                arguments.first().cloned().ok_or_else(|| wrong("a parameter"))?
            }
            Value::Name("torch.Size") => arguments.first().cloned().unwrap_or(Value::None),
            _ => return Err(wrong("it calls a value that is not a function")),
        };
        self.stack.push(made);
        Ok(())
    }
}

/// The depth of a container of these items.
fn deeper(items: &[Value]) -> Result<usize, FormatError> {
    let depth = 1 + items.iter().map(Value::depth).max().unwrap_or(0);
    if depth > DEEPEST {
        return Err(FormatError::new("its pickle nests values deeper than weights need"));
    }
    Ok(depth)
}

fn rebuild(arguments: &[Value]) -> Result<Value, FormatError> {
    let (Some(Value::Storage(storage, kind, n_stored)), Some(offset), Some(shape), Some(strides)) = (
        arguments.first(),
        arguments.get(1).and_then(Value::count),
        arguments.get(2).and_then(Value::counts),
        arguments.get(3).and_then(Value::counts),
    ) else {
        return Err(wrong("a tensor"));
    };
    if shape.len() != strides.len() {
        return Err(wrong("a tensor whose shape and strides do not agree"));
    }
    let (storage, kind, n_stored) = (Rc::clone(storage), *kind, *n_stored);
    Ok(Value::Tensor(Rc::new(Tensor { storage, kind, n_stored, offset, shape, strides })))
}

/// A signed little-endian integer of any length.
fn long(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Huge(bytes.into());
    }
    let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut padded = [sign; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(padded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tensors_do_not_need_is_named_and_not_run() {
        let payload = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.";
        let error = read(payload).unwrap_err().to_string();
        assert!(
            error.contains("`posix.system`") && error.contains("nothing in it was run"),
            "{error}"
        );
        assert!(
            read(b"\x80\x02\x8c\x05posix\x8c\x06system\x93.").is_err(),
            "a global of the stack"
        );
    }

    #[test]
    fn damaged_and_greedy_pickles_are_refused() {
        let deep = [&b")"[..], &vec![0x85; 100_000], b"."].concat();
        let long = [&b"("[..], &vec![b'N'; 2_000_000], b"t."].concat();
        for bytes in [
            &b""[..],
            b"\x80\x02",
            b"K",
            b"t.",
            b"h\x07.",
            b"X\xff\xff\xff\x7f",
            b"a.",
            b"R.",
            &deep,
            &long,
        ] {
            assert!(read(bytes).is_err());
        }
    }

    #[test]
    fn plain_values_are_read() {
        let bytes =
            b"\x80\x02}q\x00(X\x01\x00\x00\x00aK\x07X\x01\x00\x00\x00b\x8a\x02\xff\xffu.rest";
        let (value, end) = read(bytes).unwrap();
        let Value::Dict(dict, _) = value else { panic!() };
        assert!(matches!(dict["a"], Value::Int(7)) && matches!(dict["b"], Value::Int(-1)));
        assert_eq!(&bytes[end..], b"rest");
    }
}
