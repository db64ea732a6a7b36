//! Plain loops, compiled for each instruction set.

/// Defines a function whose body the compiler makes vectors of once for each instruction set; its first argument is the set that
/// runs. Nothing is contracted to fused operations, so that every set gives the same bits.
macro_rules! compiled_for_each_set {
    (
        $(#[$attribute:meta])*
        $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block
    ) => {
        $(#[$attribute])*
        $visibility fn $name(instructions: $crate::Instructions, $($argument: $type),*) $(-> $output)? {
            #[inline(always)]
            fn portable($($argument: $type),*) $(-> $output)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            fn avx2($($argument: $type),*) $(-> $output)? {
                portable($($argument),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512($($argument: $type),*) $(-> $output)? {
                portable($($argument),*)
            }

            match instructions.set() {
                #[cfg(target_arch = "x86_64")]
                // SAFETY: `Instructions` of these sets exist only where the processor has them.
                $crate::InstructionSet::Avx512 | $crate::InstructionSet::Avx512Vbmi => unsafe {
                    avx512($($argument),*)
                },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                $crate::InstructionSet::Avx2 => unsafe { avx2($($argument),*) },
                _ => portable($($argument),*),
            }
        }
    };
}

pub(crate) use compiled_for_each_set;
