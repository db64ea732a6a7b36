//! What a pickle is read into: only as much of Python's objects as leads to tensors.

use burn::tensor::DType;

/// A value of eight bytes. Whatever cannot lead to a tensor is one of them, [`Other`](Self::Other), and takes no memory beyond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value {
    /// None, a bool, a float, bytes, an object of an unknown kind.
    Other,
    /// A whole number of 32 bits; wider ones are nodes.
    Int(i32),
    /// A text: the place of its opcode in the pickle.
    Text(u32),
    /// A class or function that is known.
    Class(Class),
    /// A node, by its number.
    Node(u32),
}

/// Classes and functions that lead to tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Class {
    /// `torch._utils._rebuild_tensor`, `_v2`, `_v3`.
    RebuildTensor,
    RebuildTensorV2,
    RebuildTensorV3,
    /// `torch._utils._rebuild_parameter` and `_rebuild_parameter_with_state`: their first argument.
    RebuildParameter,
    /// `torch._tensor._rebuild_from_type_v2`: a function with its arguments, for subclasses of tensors.
    RebuildFromType,
    /// A storage and the bytes of an element; without a type of elements for the types that Burn lacks.
    Storage(Option<Element>, u8),
    /// A storage of bytes.
    UntypedStorage,
    /// A `torch.dtype`.
    Element(Element),
    /// `collections.OrderedDict` and `dict`, of pairs.
    Dictionary,
    /// `set`, `frozenset`, `list`, `tuple`, `torch.Size`: of one sequence.
    Sequence,
    /// Any other, never called.
    Unknown,
}

/// Type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
}

impl Element {
    pub(super) fn dtype(self) -> DType {
        match self {
            Self::F64 => DType::F64,
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::BF16 => DType::BF16,
            Self::I64 => DType::I64,
            Self::I32 => DType::I32,
            Self::I16 => DType::I16,
            Self::I8 => DType::I8,
            Self::U64 => DType::U64,
            Self::U32 => DType::U32,
            Self::U16 => DType::U16,
            Self::U8 | Self::Bool => DType::U8,
        }
    }

    pub(super) fn size(self) -> usize {
        self.dtype().size()
    }
}

impl Class {
    pub(super) fn of(module: &str, name: &str) -> Self {
        match (module, name) {
            ("torch._utils", "_rebuild_tensor") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensorV2,
            ("torch._utils", "_rebuild_tensor_v3") => Self::RebuildTensorV3,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Self::RebuildParameter
            }
            ("torch._tensor", "_rebuild_from_type_v2") => Self::RebuildFromType,
            ("torch.storage", "UntypedStorage") => Self::UntypedStorage,
            ("collections", "OrderedDict") | ("builtins" | "__builtin__", "dict") => Self::Dictionary,
            ("torch", "Size") | ("builtins" | "__builtin__", "set" | "frozenset" | "list" | "tuple") => {
                Self::Sequence
            }
            ("torch" | "torch.cuda" | "torch.storage", name) => match name.strip_suffix("Storage") {
                Some("Untyped") => Self::UntypedStorage,
                Some(name) => Self::storage(name),
                None => element(name).map_or(Self::Unknown, Self::Element),
            },
            _ => Self::Unknown,
        }
    }
}

impl Class {
    /// `torch.<name>Storage`.
    fn storage(name: &str) -> Self {
        let known = |element| Self::Storage(Some(element), element_size(element));
        match name {
            "Double" => known(Element::F64),
            "Float" => known(Element::F32),
            "Half" => known(Element::F16),
            "BFloat16" => known(Element::BF16),
            "Long" => known(Element::I64),
            "Int" => known(Element::I32),
            "Short" => known(Element::I16),
            "Char" => known(Element::I8),
            "Byte" => known(Element::U8),
            "Bool" => known(Element::Bool),
            "ComplexDouble" => Self::Storage(None, 16),
            "ComplexFloat" => Self::Storage(None, 8),
            "QInt32" => Self::Storage(None, 4),
            "QInt8" | "QUInt8" | "QUInt4x2" | "QUInt2x4" => Self::Storage(None, 1),
            _ => Self::Unknown,
        }
    }
}

fn element_size(element: Element) -> u8 {
    u8::try_from(element.size()).expect("elements are of a few bytes")
}

/// `torch.<name>`, where it is a type that Burn has.
fn element(name: &str) -> Option<Element> {
    Some(match name {
        "float64" => Element::F64,
        "float32" => Element::F32,
        "float16" => Element::F16,
        "bfloat16" => Element::BF16,
        "int64" => Element::I64,
        "int32" => Element::I32,
        "int16" => Element::I16,
        "int8" => Element::I8,
        "uint64" => Element::U64,
        "uint32" => Element::U32,
        "uint16" => Element::U16,
        "uint8" => Element::U8,
        "bool" => Element::Bool,
        _ => return None,
    })
}

/// What cannot be said in eight bytes.
#[derive(Debug)]
pub(super) enum Node {
    /// A whole number of 64 bits.
    Int(i64),
    /// A list, tuple or set.
    Sequence(Vec<Value>),
    /// Keys and values in the order in which they were set.
    Dictionary(Vec<(Value, Value)>),
    /// An object of an unknown class.
    Object(Box<Object>),
    Storage(Box<Storage>),
    Tensor(Box<StoredTensor>),
}

impl Node {
    /// Values in it.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Sequence(items) => items.len(),
            Self::Dictionary(entries) => 2 * entries.len(),
            Self::Object(object) => object.items.len() + 2 * object.entries.len(),
            Self::Int(_) | Self::Storage(_) | Self::Tensor(_) => 0,
        }
    }
}

/// What an object of an unknown class was given: a `defaultdict` entries, a `deque` items, a module its attributes.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) items: Vec<Value>,
    pub(super) entries: Vec<(Value, Value)>,
    /// `__dict__`, or whatever else `__setstate__` would be given.
    pub(super) state: Value,
}

impl Object {
    pub(super) fn new() -> Self {
        Self { items: Vec::new(), entries: Vec::new(), state: Value::Other }
    }
}

/// What a pickle says of bytes beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) elements: u64,
    /// Bytes of an element.
    pub(super) size: u64,
}

/// Bytes beside the pickle.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    pub(super) key: String,
    pub(super) extent: Extent,
    /// The type of its elements; none of an untyped storage, and of types that Burn lacks.
    pub(super) element: Option<Element>,
    /// Whether its elements are of a type that Burn lacks.
    pub(super) strange: bool,
    /// Where a view of it begins, in elements (PyTorch before 0.4).
    pub(super) offset: u64,
}

/// A tensor as the pickle describes it.
#[derive(Clone, Debug)]
pub(super) struct StoredTensor {
    pub(super) storage: String,
    /// None for a type that Burn lacks.
    pub(super) element: Option<Element>,
    /// Of its first element, in elements.
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    /// In elements.
    pub(super) stride: Vec<usize>,
}
