//! Smaller ones of pictures, by the crate `variants`.

use bytes::Bytes;
use domain::image::{ImageScaler, ScaleError, Size, Variant, VariantKind};
use tokio::task::spawn_blocking;
use variants::{Error, Format};

/// Makes them on a thread of its own, so that others are answered meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct VariantScaler;

impl ImageScaler for VariantScaler {
    async fn scale(&self, picture: Bytes) -> Result<Vec<Variant>, ScaleError> {
        match spawn_blocking(|| variants::variants(picture)).await {
            Ok(Ok(made)) => Ok(made.into_iter().map(variant).collect()),
            Ok(Err(Error::NotAPicture)) => Err(ScaleError::Unreadable),
            Ok(Err(Error::TooLarge)) => Err(ScaleError::TooLarge),
            Err(error) => {
                tracing::error!(%error, "making variants panicked");
                Err(ScaleError::Unreadable)
            }
        }
    }
}

fn variant(made: variants::Variant) -> Variant {
    let (width, height) = (made.width, made.height);
    Variant {
        size: Size { width, height },
        kind: match made.format {
            Format::Jpeg => VariantKind::Jpeg,
            Format::Webp => VariantKind::Webp,
        },
        bytes: made.bytes.into(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn variants_have_the_widths_that_the_domain_knows() {
        assert_eq!(variants::WIDTHS, domain::image::WIDTHS);
    }
}
