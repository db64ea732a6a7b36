//! Data sets, bit-exact PIL augmentation with action parameters, and the sequence loader of seq-JEPA.
