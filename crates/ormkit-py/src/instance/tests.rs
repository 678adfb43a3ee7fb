use super::*;

/// A mapped class with the columns `id` and `data` (JSON) and the collection `items`.
fn class(py: Python<'_>) -> Bound<'_, PyType> {
    let module = PyModule::new(py, "_ormkit").unwrap();
    register(&module).unwrap();
    let model = module.getattr("Model").unwrap();
    let body = PyDict::new(py);
    body.set_item("__slots__", ("id", "data", "items")).unwrap();
    let class = model.get_type().call1(("Thing", (model,), body)).unwrap().cast_into::<PyType>().unwrap();
    let kinds = [
        ("id", SlotKind::Column { json: false }),
        ("data", SlotKind::Column { json: true }),
        ("items", SlotKind::Relation { many: true }),
    ];
    let specs = kinds.map(|(name, kind)| SlotSpec {
        name: name.to_owned(),
        kind,
        write_only: false,
        initial: Initial::None,
        expression: None,
        validator: None,
    });
    install(&class, ModelId(0), specs.into(), Box::new([0])).unwrap();
    class
}

/// A bare persistent instance, as a query makes it.
fn create<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    Ok(Layout::new(class, &[])?.create(class.py())?.finish())
}

fn with_thing(test: impl FnOnce(&Bound<'_, PyType>, &Bound<'_, PyAny>)) {
    Python::initialize();
    Python::attach(|py| {
        let class = class(py);
        let thing = create(&class).unwrap();
        test(&class, &thing);
    });
}

fn int(py: Python<'_>, value: i64) -> Bound<'_, PyAny> {
    value.into_pyobject(py).unwrap().into_any()
}

fn marked(object: &Bound<'_, PyAny>) -> Vec<usize> {
    dirty(object).unwrap().iter().collect()
}

#[test]
fn hydrated_value_is_read_and_unmarked() {
    with_thing(|_, thing| {
        put(thing, 0, int(thing.py(), 7)).unwrap();
        assert_eq!(thing.getattr("id").unwrap().extract::<i64>().unwrap(), 7);
        assert_eq!(thing.repr().unwrap().to_string(), "<Thing id=7>");
        assert!(marked(thing).is_empty() && state(thing).unwrap() == State::Persistent);
        assert!(thing.getattr("items").is_err());
        empty(thing, 0).unwrap();
        assert!(slot(thing, 0).unwrap().is_none() && thing.getattr("id").is_err());
    });
}

#[test]
fn first_original_is_kept_until_settled() {
    with_thing(|_, thing| {
        put(thing, 0, int(thing.py(), 1)).unwrap();
        for value in [2, 3] {
            thing.setattr("id", value).unwrap();
        }
        assert_eq!(marked(thing), [0]);
        let Original::Value(first) = original(thing, 0).unwrap() else { panic!("the value was loaded") };
        assert_eq!(first.extract::<i64>().unwrap(), 1);
        settle(thing).unwrap();
        assert!(marked(thing).is_empty() && matches!(original(thing, 0).unwrap(), Original::Unchanged));
    });
}

#[test]
fn originals_are_restored() {
    with_thing(|_, thing| {
        put(thing, 0, int(thing.py(), 1)).unwrap();
        put_json(thing, 1, "[1]").unwrap();
        thing.setattr("id", 2).unwrap();
        thing.setattr("data", 5).unwrap();
        restore_originals(thing).unwrap();
        assert_eq!(thing.getattr("id").unwrap().extract::<i64>().unwrap(), 1);
        assert_eq!(thing.getattr("data").unwrap().extract::<Vec<i64>>().unwrap(), [1]);
        assert!(marked(thing).is_empty());
    });
}

#[test]
fn json_is_decoded_on_first_touch_and_compared_at_flush() {
    with_thing(|_, thing| {
        put_json(thing, 1, r#"{"a":1}"#).unwrap();
        assert!(is_pending_json(thing, 1).unwrap() && touched_json(thing).unwrap().is_empty());
        let data = thing.getattr("data").unwrap();
        assert_eq!(touched_json(thing).unwrap(), [(1, r#"{"a":1}"#.to_owned())]);
        mark_changed_json(thing).unwrap();
        assert!(marked(thing).is_empty());
        data.set_item("a", 2).unwrap();
        mark_changed_json(thing).unwrap();
        assert_eq!(marked(thing), [1]);
        settle(thing).unwrap();
        data.set_item("a", 3).unwrap();
        mark_changed_json(thing).unwrap();
        assert_eq!(marked(thing), [1]);
    });
}

#[test]
fn weak_handle_ends_with_its_object() {
    with_thing(|class, thing| {
        let py = thing.py();
        let weak = downgrade(thing).unwrap();
        set_home(thing, HomeId(9)).unwrap();
        assert!(weak.upgrade(py).unwrap().is(thing) && downgrade(thing).unwrap() == weak);
        let other = create(class).unwrap();
        set_home(&other, HomeId(9)).unwrap();
        let gone = downgrade(&other).unwrap();
        drop(other);
        assert!(gone.upgrade(py).is_none());
        let successor = create(class).unwrap();
        let next = downgrade(&successor).unwrap();
        assert!(gone.upgrade(py).is_none() && next.upgrade(py).unwrap().is(&successor));
        assert_eq!((home(&successor).unwrap(), home(thing).unwrap()), (HomeId(0), HomeId(9)));
    });
}

#[test]
fn row_is_filled_through_a_layout() {
    with_thing(|class, _| {
        let py = class.py();
        let layout = Layout::new(class, &[1, 0]).unwrap();
        let filling = layout.create(py).unwrap();
        assert!(filling.is_empty(0) && filling.is_empty(1));
        filling.put_json(0, "null");
        filling.put(1, int(py, 4));
        assert!(!filling.is_empty(0) && !filling.is_empty(1));
        let thing = filling.finish();
        assert_eq!(thing.getattr("id").unwrap().extract::<i64>().unwrap(), 4);
        assert!(thing.getattr("data").unwrap().is_none());
        assert!(layout.open(&thing).is_ok() && layout.open(class.as_any()).is_err());
        assert!(Layout::new(class, &[3]).is_err());
    });
}

#[test]
fn snapshot_undoes_assignments_and_changes_in_place() {
    with_thing(|_, thing| {
        put(thing, 0, int(thing.py(), 1)).unwrap();
        put_json(thing, 1, "[1]").unwrap();
        let data = thing.getattr("data").unwrap();
        thing.setattr("id", 2).unwrap();
        let before = snapshot(thing).unwrap();
        thing.setattr("id", 3).unwrap();
        data.call_method1("append", (2,)).unwrap();
        settle(thing).unwrap();
        revert(thing, before).unwrap();
        assert_eq!(thing.getattr("id").unwrap().extract::<i64>().unwrap(), 2);
        assert_eq!(thing.getattr("data").unwrap().extract::<Vec<i64>>().unwrap(), [1]);
        assert_eq!(marked(thing), [0]);
        assert!(matches!(original(thing, 0).unwrap(), Original::Value(_)));
    });
}

#[test]
fn foreign_objects_are_refused() {
    with_thing(|class, thing| {
        let py = thing.py();
        assert!(slot(py.None().bind(py), 0).is_err() && !is_instance(class.as_any()));
        assert!(slot(thing, 3).is_err());
        assert!(create(&py.get_type::<PyDict>()).is_err());
    });
}
