//! Line charts as SVG files.

use std::io;
use std::path::Path;

use plotters::prelude::*;

/// One line of a chart.
#[derive(Debug, Clone)]
pub struct Series {
    /// In the legend.
    pub name: String,
    /// Sorted by x.
    pub points: Vec<(f64, f64)>,
}

/// Title and axes; both axes are logarithmic.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Above the chart.
    pub title: String,
    /// Under the horizontal axis, with the unit.
    pub x: String,
    /// Beside the vertical axis, with the unit.
    pub y: String,
    /// The lines.
    pub series: Vec<Series>,
}

const FONT: &str = "sans-serif";

/// Okabe and Ito's colours, which the colour-blind can tell apart, and three more.
const COLOURS: [RGBColor; 10] = [
    RGBColor(0, 114, 178),
    RGBColor(0, 0, 0),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(128, 128, 128),
    RGBColor(136, 34, 85),
    RGBColor(220, 200, 20),
];

impl Chart {
    /// Writes the chart; without a point, nothing.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let (Some(x), Some(y)) = (range(points().map(|p| p.0)), range(points().map(|p| p.1)))
        else {
            return Ok(());
        };
        self.draw(path, x, (y.0 / 1.5, y.1 * 1.5))
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
    }

    fn draw(
        &self,
        path: &Path,
        x: (f64, f64),
        y: (f64, f64),
    ) -> Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::new(path, (860, 460)).into_drawing_area();
        area.fill(&WHITE)?;
        let (plot, legend) = area.split_horizontally(620);
        let mut chart = ChartBuilder::on(&plot)
            .caption(&self.title, (FONT, 22))
            .margin(10)
            .x_label_area_size(45)
            .y_label_area_size(70)
            .build_cartesian_2d((x.0..x.1).log_scale().base(2.0), (y.0..y.1).log_scale())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .x_desc(&self.x)
            .y_desc(&self.y)
            .x_label_formatter(&label)
            .y_label_formatter(&label)
            .axis_desc_style((FONT, 16))
            .label_style((FONT, 15))
            .draw()?;
        for (index, series) in self.series.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let line = LineSeries::new(series.points.iter().copied(), colour.stroke_width(2));
            chart.draw_series(line.point_size(3))?;
            let y = 60 + 22 * index as i32;
            legend.draw(&PathElement::new([(4, y), (24, y)], colour.stroke_width(2)))?;
            let place = (30, y - 7);
            legend.draw(&Text::new(series.name.clone(), place, (FONT, 16)))?;
        }
        area.present()?;
        Ok(())
    }
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| {
        let (low, high) = range.unwrap_or((value, value));
        Some((low.min(value), high.max(value)))
    })
}

/// As few digits as will do.
fn label(value: &f64) -> String {
    let digits = format!("{value:.3}");
    digits
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}
