//! Modules that leave no trace in parameter names.

/// Implements Burn's `Module` for a wrapper by delegating everything to what it wraps, so that the
/// wrapper adds no component to parameter paths (a derived enum would add the variant's name, a derived
/// struct the field's).
///
/// `transparent_module!(struct Name { field })` for a struct with one field,
/// `transparent_module!(enum Name { A, B })` for an enum of one-field variants.
#[macro_export]
macro_rules! transparent_module {
    (struct $name:ident { $field:ident }) => {
        $crate::transparent_module!(@impl $name, [inner], [$name { $field: inner }]);
    };
    (enum $name:ident { $($variant:ident),+ $(,)? }) => {
        $crate::transparent_module!(@impl $name, [inner], $([$name::$variant(inner)]),+);
    };
    (@impl $name:ident, [$inner:ident], $([$($pattern:tt)+]),+) => {
        impl ::burn::module::Module for $name {
            fn collect_devices(&self, devices: ::burn::module::Devices) -> ::burn::module::Devices {
                match self {
                    $($($pattern)+ => ::burn::module::Module::collect_devices($inner, devices),)+
                }
            }
            fn fork(self, device: &::burn::tensor::Device) -> Self {
                match self {
                    $($($pattern)+ => {
                        let $inner = ::burn::module::Module::fork($inner, device);
                        $($pattern)+
                    })+
                }
            }
            fn to_device(self, device: &::burn::tensor::Device) -> Self {
                match self {
                    $($($pattern)+ => {
                        let $inner = ::burn::module::Module::to_device($inner, device);
                        $($pattern)+
                    })+
                }
            }
            fn train(self) -> Self {
                match self {
                    $($($pattern)+ => {
                        let $inner = ::burn::module::Module::train($inner);
                        $($pattern)+
                    })+
                }
            }
            fn valid(&self) -> Self {
                match self {
                    $($($pattern)+ => {
                        let $inner = ::burn::module::Module::valid($inner);
                        $($pattern)+
                    })+
                }
            }
            fn materialize(self) -> Self {
                match self {
                    $($($pattern)+ => {
                        let $inner = ::burn::module::Module::materialize($inner);
                        $($pattern)+
                    })+
                }
            }
            fn visit<V: ::burn::module::ModuleVisitor>(&self, visitor: &mut V) {
                match self {
                    $($($pattern)+ => ::burn::module::Module::visit($inner, visitor),)+
                }
            }
            fn map<M: ::burn::module::ModuleMapper>(self, mapper: &mut M) -> Self {
                match self {
                    $($($pattern)+ => {
                        let $inner = ::burn::module::Module::map($inner, mapper);
                        $($pattern)+
                    })+
                }
            }
        }

        impl ::burn::module::ModuleDisplayDefault for $name {
            fn content(&self, content: ::burn::module::Content) -> Option<::burn::module::Content> {
                match self {
                    $($($pattern)+ => ::burn::module::ModuleDisplayDefault::content($inner, content),)+
                }
            }
        }

        impl ::burn::module::ModuleDisplay for $name {}
    };
}
