//! What is typed.

use crate::live::app::{App, Mode, Whom};
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::time::Duration;
use tidegate::parse_duration;

/// What is to be done to the segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Order {
    Pause(Whom, Duration),
    Resume(Whom),
    Flush(Whom),
}

/// How long a pause is if nothing else is typed.
const USUAL_PAUSE: &str = "1m";

/// Takes what was typed; perhaps it makes an order.
pub fn take(app: &mut App, event: &Event) -> Option<Order> {
    let Event::Key(key) = event else {
        return None;
    };
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        if key.code == KeyCode::Char('c') {
            app.quit();
        }
        return None;
    }
    match app.mode.clone() {
        Mode::Commands => command(app, key),
        Mode::Filter => {
            type_filter(app, key);
            None
        }
        Mode::Pause(whom, text) => type_pause(app, key, whom, text),
        Mode::Flush(whom) => {
            app.mode = Mode::Commands;
            match key.code {
                KeyCode::Char('y' | 'Y') => Some(Order::Flush(whom)),
                _ => {
                    app.tell("nothing was flushed".to_owned());
                    None
                }
            }
        }
    }
}

fn command(app: &mut App, key: &KeyEvent) -> Option<Order> {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => app.quit(),
        KeyCode::Tab | KeyCode::BackTab => app.switch(),
        KeyCode::Down | KeyCode::Char('j') => app.choose(1),
        KeyCode::Up | KeyCode::Char('k') => app.choose(-1),
        KeyCode::PageDown => app.choose(20),
        KeyCode::PageUp => app.choose(-20),
        KeyCode::Home => app.chosen = 0,
        KeyCode::End => app.choose(isize::MAX),
        KeyCode::Char('s') => app.sort_by_next(),
        KeyCode::Char('/') => app.mode = Mode::Filter,
        KeyCode::Char('p') => ask(app, |whom| Mode::Pause(whom, USUAL_PAUSE.to_owned())),
        KeyCode::Char('P') => app.mode = Mode::Pause(Whom::All, USUAL_PAUSE.to_owned()),
        KeyCode::Char('f') => ask(app, Mode::Flush),
        KeyCode::Char('F') => app.mode = Mode::Flush(Whom::All),
        KeyCode::Char('U') => return Some(Order::Resume(Whom::All)),
        KeyCode::Char('u') => match app.whom() {
            Ok(whom) => return Some(Order::Resume(whom)),
            Err(why) => app.tell(why),
        },
        _ => {}
    }
    None
}

/// Asks something about the chosen key.
fn ask(app: &mut App, mode: impl FnOnce(Whom) -> Mode) {
    match app.whom() {
        Ok(whom) => app.mode = mode(whom),
        Err(why) => app.tell(why),
    }
}

fn type_filter(app: &mut App, key: &KeyEvent) {
    match key.code {
        KeyCode::Enter => app.mode = Mode::Commands,
        KeyCode::Esc => {
            app.filter.clear();
            app.mode = Mode::Commands;
        }
        KeyCode::Backspace => {
            app.filter.pop();
        }
        KeyCode::Char(typed) => app.filter.push(typed),
        _ => {}
    }
    app.choose(0);
}

fn type_pause(app: &mut App, key: &KeyEvent, whom: Whom, mut text: String) -> Option<Order> {
    match key.code {
        KeyCode::Esc => {
            app.mode = Mode::Commands;
            return None;
        }
        KeyCode::Enter => match parse_duration(&text) {
            Ok(time) => {
                app.mode = Mode::Commands;
                return Some(Order::Pause(whom, time));
            }
            Err(error) => app.tell(error.to_string()),
        },
        KeyCode::Backspace => {
            text.pop();
        }
        KeyCode::Char(typed) => text.push(typed),
        _ => {}
    }
    app.mode = Mode::Pause(whom, text);
    None
}
