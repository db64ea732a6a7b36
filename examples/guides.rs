//! The programs in the guides and in the README, as documentation tests: each compiles as it stands there.

/// The pages that hold any.
macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!($path)]
            mod $name {}
        )*
    };
}

pages! {
    readme: "../README.md",
    augmentation: "../docs/augmentation.md",
    data: "../docs/data.md",
    model: "../docs/model.md",
    pytorch: "../docs/pytorch.md",
    your_own: "../docs/your-own.md",
}
