//! Small pictures, written by hand (PNG specification, third edition; RFC 1950).

/// Pixels of a side.
const SIDE: usize = 8;

/// A square of coloured pixels that follow from `seed`.
pub(crate) fn of(seed: u64) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::with_capacity(13);
    header.extend_from_slice(&(SIDE as u32).to_be_bytes());
    header.extend_from_slice(&(SIDE as u32).to_be_bytes());
    // Eight bits, red, green and blue, not interlaced.
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    chunk(&mut file, b"IHDR", &header);
    chunk(&mut file, b"IDAT", &stored(&pixels(seed)));
    chunk(&mut file, b"IEND", &[]);
    file
}

/// Rows, each after the number of its filter, which is none.
fn pixels(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut rows = vec![0; SIDE * (1 + SIDE * 3)];
    for row in rows.chunks_exact_mut(1 + SIDE * 3) {
        for pixel in row[1..].chunks_exact_mut(3) {
            state = crate::hash::mix(state);
            pixel.copy_from_slice(&state.to_be_bytes()[..3]);
        }
    }
    rows
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend_from_slice(kind);
    file.extend_from_slice(data);
    let checksum = crc32fast::hash(&file[start..]);
    file.extend_from_slice(&checksum.to_be_bytes());
}

/// One stored block: so few bytes gain nothing by compression.
fn stored(data: &[u8]) -> Vec<u8> {
    let length = data.len() as u16;
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend_from_slice(&length.to_le_bytes());
    stream.extend_from_slice(&(!length).to_le_bytes());
    stream.extend_from_slice(data);
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    stream.extend_from_slice(&(b << 16 | a).to_be_bytes());
    stream
}
