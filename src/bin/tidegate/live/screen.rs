//! Drawing it.

use crate::live::app::{App, Mode, Whom};
use crate::live::looks::{Leader, Seen};
use crate::live::tables::{self, Tab, rate};
use crate::output::{brief, many, table};
use crate::shown::shown;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Gauge, Paragraph, Row, Table, TableState};
use std::time::Duration;

const HELP: &str = "q quit  Tab other table  ↑↓ choose  s sort  / filter  p pause  u resume  f flush  \
                    P U F all";

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, app: &mut App) {
    let seen = &app.seen;
    let rates = seen.report.rates.len() as u16;
    let [head, gauges, body, foot] = Layout::vertical([
        Constraint::Length(4),
        Constraint::Length(rates),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(summary(seen, app.trouble.as_deref())), head);
    draw_gauges(frame, gauges, seen);
    draw_table(frame, body, app);
    frame.render_widget(Paragraph::new(foot_line(app)), foot);
}

fn summary(seen: &Seen, trouble: Option<&str>) -> Vec<Line<'static>> {
    let report = &seen.report;
    let mut first = vec![Span::from(report.name.clone()).bold(), Span::from("  ")];
    first.push(match trouble {
        Some(trouble) => Span::from(format!("not seen just now: {trouble}")).red(),
        None => Span::from(report.facts()).dim(),
    });
    let color = match seen.leader {
        Leader::Running => Color::Green,
        Leader::Late => Color::Red,
        Leader::StandingBy | Leader::None => Color::Yellow,
    };
    let mut leader = vec![
        Span::from("leak process  "),
        Span::styled(seen.leader.word(), Style::new().fg(color)),
    ];
    leader.extend(
        report
            .last_pass()
            .map(|pass| Span::from(format!("  {pass}")).dim()),
    );
    vec![
        Line::from(first),
        Line::from(activity(seen)),
        Line::from(queue(seen)),
        Line::from(leader),
    ]
}

/// What happens.
fn activity(seen: &Seen) -> String {
    format!(
        "grants {}/s ({} permits/s)  refusals {}/s  {}",
        rate(seen.grants_per_s),
        rate(seen.permits_per_s),
        rate(seen.refusals_per_s),
        many(seen.busy.len() as u64, "process"),
    )
}

/// Who waits.
fn queue(seen: &Seen) -> String {
    let report = &seen.report;
    let mut text = format!("queue {}", many(report.queued_permits, "permit"));
    if seen.longest_wait_us > 0 {
        let longest = brief(Duration::from_micros(seen.longest_wait_us));
        text.push_str(&format!(", the last in {longest}"));
    }
    match report.paused() {
        Some(paused) => format!("{text}  everything is paused for {}", brief(paused)),
        None => text,
    }
}

fn draw_gauges(frame: &mut Frame<'_>, area: Rect, seen: &Seen) {
    let lines = Layout::vertical(seen.report.rates.iter().map(|_| Constraint::Length(1)));
    for (used, area) in seen.report.rates.iter().zip(lines.split(area).iter()) {
        let [name, gauge] =
            Layout::horizontal([Constraint::Length(14), Constraint::Min(10)]).areas(*area);
        frame.render_widget(Paragraph::new(used.rate.clone()), name);
        // Of all keys together there is no limit.
        let Some(part) = used.part(seen.report.keys_are_apart()) else {
            let text = format!("{} of all keys", many(used.granted_permits, "permit"));
            frame.render_widget(Paragraph::new(text).dim(), gauge);
            continue;
        };
        let color = match part {
            part if part >= 1.0 => Color::Red,
            part if part >= 0.8 => Color::Yellow,
            _ => Color::Green,
        };
        let label = format!("{} of {}", used.granted_permits, used.limit_permits);
        let bar = Gauge::default().gauge_style(Style::new().fg(color));
        frame.render_widget(bar.ratio(part.clamp(0.0, 1.0)).label(label), gauge);
    }
}

fn draw_table(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let columns = app.tab.columns();
    let sorted_by = app.sorted_by[app.tab as usize];
    let head = columns
        .iter()
        .enumerate()
        .map(|(index, name)| match index == sorted_by {
            true => Span::from(format!("{name}↓")).bold(),
            false => Span::from(*name),
        });
    let lines = app.lines();
    let rows = lines.iter().map(|line| Row::new(line.cells.clone()));
    let widths = columns
        .iter()
        .enumerate()
        .map(|(index, name)| match index + 1 == columns.len() {
            true => Constraint::Min(10),
            false => Constraint::Length(name.len() as u16 + 2),
        });
    let mut title = format!(" {} ({}) ", app.tab.title(), lines.len());
    if !app.filter.is_empty() {
        title.push_str(&format!("with {:?} ", app.filter));
    }
    let table = Table::new(rows, widths)
        .header(Row::new(head).dim())
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(Block::new().borders(Borders::TOP).title(title));
    let mut state = TableState::new().with_selected(Some(app.chosen));
    frame.render_stateful_widget(table, area, &mut state);
}

fn foot_line(app: &App) -> Line<'static> {
    let whose = |whom: &Whom| match whom {
        Whom::All => "everything".to_owned(),
        Whom::Key(key) => shown(key),
    };
    match &app.mode {
        Mode::Filter => Line::from(format!("show only lines with: {}_", app.filter)).yellow(),
        Mode::Pause(whom, text) => {
            let question = format!("pause {} for: {text}_  (Enter, or Esc)", whose(whom));
            Line::from(question).yellow()
        }
        Mode::Flush(whom) => {
            let question = format!("forget all permits of {}? y/n", whose(whom));
            Line::from(question).yellow()
        }
        Mode::Commands => match app.message() {
            Some(message) => Line::from(message.to_owned()).bold(),
            None => Line::from(HELP).dim(),
        },
    }
}

/// The same for who reads no screen.
pub fn as_text(seen: &Seen) -> String {
    let mut text = vec![
        seen.report.to_string(),
        String::new(),
        activity(seen),
        queue(seen),
    ];
    text.push(format!("leak process {}", seen.leader.word()));
    for tab in [Tab::Keys, Tab::Processes] {
        let lines = tables::lines(seen, tab, 0, "");
        if lines.is_empty() || tab == Tab::Keys && !seen.report.keys_are_apart() {
            continue;
        }
        let head = tab.columns().iter().map(|&name| name.to_owned()).collect();
        let lines: Vec<_> = std::iter::once(head)
            .chain(lines.into_iter().map(|line| line.cells))
            .collect();
        text.extend([String::new(), table(&lines)]);
    }
    text.join("\n")
}
