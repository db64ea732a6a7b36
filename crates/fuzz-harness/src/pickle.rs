//! Small checkpoints as `torch.save` writes them, for seeds.

/// A pickle of protocol 2 with `{"agg_token": tensor}`, the tensor f32 `[1, 1, width]` in storage 0.
pub(crate) fn state_dict(width: u8) -> Vec<u8> {
    let mut out = b"\x80\x02}X\x09\0\0\0agg_token".to_vec();
    out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n");
    out.extend(b"X\x01\0\0\x000X\x03\0\0\0cpuK");
    out.push(width);
    out.extend(b"tQK\0(K\x01K\x01K");
    out.push(width);
    out.extend(b"t(K");
    out.push(width);
    out.push(b'K');
    out.push(width);
    out.extend(b"K\x01t\x89ccollections\nOrderedDict\n)Rt");
    out.extend(b"Rs.");
    out
}

/// The same in the form of PyTorch before 1.6: four pickles, the keys of the storages, then their bytes.
pub(crate) fn legacy(width: u8) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    out.extend(b"\x80\x02M\xe9\x03.");
    out.extend(b"\x80\x02}(X\x10\0\0\0protocol_versionM\xe9\x03X\x0d\0\0\0little_endian\x88u.");
    out.extend(state_dict(width));
    out.extend(b"\x80\x02]X\x01\0\0\x000a.");
    out.extend(u64::from(width).to_le_bytes());
    out.extend(vec![0; 4 * usize::from(width)]);
    out
}
