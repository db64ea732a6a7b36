//! A curve of any length in bounded memory.

/// Buckets that are kept; of each at most two points.
const BUCKETS: usize = 1000;

/// Points by ascending x, thinned so that peaks stay: neighbours share a bucket, of which the least and the greatest value are kept. The
/// first and the last point always are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Curve {
    buckets: Vec<Bucket>,
    /// Points that share a bucket.
    stride: usize,
    /// Points in the last one.
    filled: usize,
    first: Option<(f64, f64)>,
    last: Option<(f64, f64)>,
    count: usize,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    low: (f64, f64),
    high: (f64, f64),
}

impl Bucket {
    fn join(self, other: Self) -> Self {
        Self {
            low: if other.low.1 < self.low.1 { other.low } else { self.low },
            high: if other.high.1 > self.high.1 { other.high } else { self.high },
        }
    }
}

impl Curve {
    /// Adds a point; one that is not finite, or not to the right of the last, is left out.
    pub(crate) fn push(&mut self, x: f64, y: f64) {
        if !(x.is_finite() && y.is_finite()) || self.last.is_some_and(|(last, _)| x <= last) {
            return;
        }
        let (point, one) = ((x, y), Bucket { low: (x, y), high: (x, y) });
        self.first.get_or_insert(point);
        self.last = Some(point);
        self.count += 1;
        self.stride = self.stride.max(1);
        match self.buckets.last_mut() {
            Some(bucket) if self.filled < self.stride => *bucket = bucket.join(one),
            _ => {
                self.buckets.push(one);
                self.filled = 0;
            }
        }
        self.filled += 1;
        if self.buckets.len() > BUCKETS {
            self.filled =
                if self.buckets.len().is_multiple_of(2) { self.stride + self.filled } else { self.filled };
            self.buckets = halved(&self.buckets);
            self.stride *= 2;
        }
    }

    /// The points, at most `most` or some two thousand.
    pub(crate) fn points(&self, most: usize) -> Vec<(f64, f64)> {
        let mut buckets = self.buckets.clone();
        while buckets.len() > (most / 2).max(1) {
            buckets = halved(&buckets);
        }
        let mut points: Vec<(f64, f64)> = self.first.into_iter().chain(self.last).collect();
        points.extend(buckets.iter().flat_map(|bucket| [bucket.low, bucket.high]));
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by(|a, b| a.0 == b.0);
        points
    }

    /// The last point.
    pub(crate) fn last(&self) -> Option<(f64, f64)> {
        self.last
    }

    /// The first point.
    pub(crate) fn first(&self) -> Option<(f64, f64)> {
        self.first
    }

    /// The points of the least and the greatest value.
    pub(crate) fn extremes(&self) -> Option<[(f64, f64); 2]> {
        let all = self.buckets.iter().copied().reduce(Bucket::join)?;
        Some([all.low, all.high])
    }

    /// Points that were added.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

fn halved(buckets: &[Bucket]) -> Vec<Bucket> {
    buckets
        .chunks(2)
        .map(|pair| pair.iter().copied().reduce(Bucket::join).expect("a chunk has one"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_curve_is_kept_whole() {
        let mut curve = Curve::default();
        for (x, y) in [(1.0, 5.0), (2.0, f64::NAN), (3.0, 1.0), (3.0, 9.0), (4.0, 2.0)] {
            curve.push(x, y);
        }
        assert_eq!(curve.points(2000), [(1.0, 5.0), (3.0, 1.0), (4.0, 2.0)]);
        assert_eq!((curve.count(), curve.extremes()), (3, Some([(3.0, 1.0), (1.0, 5.0)])));
    }

    #[test]
    fn a_long_curve_keeps_its_ends_and_peaks() {
        let mut curve = Curve::default();
        for x in 0..1_000_000_u32 {
            curve.push(f64::from(x), if x == 777_777 { 50.0 } else { f64::from(x % 7) });
        }
        let points = curve.points(2000);
        assert!(points.len() <= 2002 && points.len() > 500, "{}", points.len());
        assert_eq!((points[0], points.last().copied()), ((0.0, 0.0), Some((999_999.0, 999_999.0 % 7.0))));
        assert!(points.contains(&(777_777.0, 50.0)));
        assert!(points.is_sorted_by(|a, b| a.0 < b.0));
        assert!(curve.points(10).len() <= 12 && curve.points(10).contains(&(777_777.0, 50.0)));
        assert_eq!(curve.count(), 1_000_000);
    }
}
