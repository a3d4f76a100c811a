# Copyright (C) the ngx_trading authors
# SPDX-License-Identifier: BSD-2-Clause

"""Judges values by the schemas of an OpenAPI 3.1 document.

Only the keywords that our documents use are known, and any other is an error,
so nothing is passed over. Objects that list their properties are closed: a
field that is served and not described is a fault here, although the documents
let clients expect new ones.
"""

import re
from decimal import Decimal

ANNOTATIONS = {'description', 'format', 'examples', 'example', 'title',
               'summary'}


def is_type(value, name):
    kinds = {'string': str, 'boolean': bool, 'array': list, 'object': dict}
    if name == 'null':
        return value is None
    if name == 'integer':
        return type(value) is int
    if name == 'number':
        return type(value) in (int, float, Decimal)
    return isinstance(value, kinds[name])


class Checker:
    """seen: (where the schema stands, property) of all that was served."""

    def __init__(self, document):
        self.document, self.seen = document, set()

    def resolve(self, pointer):
        found = self.document
        for part in pointer.removeprefix('#/').split('/'):
            found = found[part.replace('~1', '/').replace('~0', '~')]
        return found

    def faults(self, value, schema, where='$', at='', seen=None):
        """What is wrong, as a list of sentences; `at` names the schema."""
        own = set() if seen is None else seen
        out = list(self._faults(value, schema, where, at, own))
        if seen is None and not out:
            self.seen |= own
        return out

    def _flat(self, schema, at):
        """(where, keywords) of a schema and of all that it refers to."""
        if '$ref' in schema:
            yield from self._flat(self.resolve(schema['$ref']),
                                  schema['$ref'])
        for item in schema.get('allOf', ()):
            yield from self._flat(item, at)
        yield at, {key: value for key, value in schema.items()
                   if key not in ('$ref', 'allOf')}

    def _faults(self, value, schema, where, at, seen):
        parts = list(self._flat(schema, at))
        at = schema.get('$ref', at)
        properties, more, listed = {}, None, False
        for place, part in parts:
            if 'properties' in part:
                listed = True
                for key, sub in part['properties'].items():
                    properties.setdefault(key, []).append((place, sub))
            more = part.get('additionalProperties', more)
        for place, part in parts:
            for key, want in part.items():
                if key in ANNOTATIONS or key in ('properties',
                                                 'additionalProperties'):
                    continue
                rule = getattr(self, f'_{key}', None)
                if rule is None:
                    yield f'{where}: the schema says "{key}", unknown here'
                    continue
                if key in ('items', 'anyOf'):
                    yield from rule(value, want, where, f'{place}/{key}', seen)
                elif not rule(value, want):
                    yield f'{where}: {value!r:.80} against {key} {want!r:.80}'
        if not isinstance(value, dict):
            return
        for key, item in value.items():
            inside = f'{where}.{key}'
            if key in properties:
                for place, sub in properties[key]:
                    seen.add((place, key))
                    yield from self._faults(item, sub, inside,
                                            f'{place}/{key}', seen)
            elif isinstance(more, dict):
                yield from self._faults(item, more, inside, f'{at}/*', seen)
            elif listed and more is not True:
                yield f'{inside}: is served and not described'

    def _items(self, value, want, where, at, seen):
        if isinstance(value, list):
            for i, item in enumerate(value):
                yield from self._faults(item, want, f'{where}[{i}]', at, seen)

    def _anyOf(self, value, want, where, at, seen):
        tried = []
        for i, sub in enumerate(want):
            own = set()
            faults = list(self._faults(value, sub, where, f'{at}/{i}', own))
            if not faults:
                seen |= own
                return
            tried.append(faults[0])
        yield f'{where}: none of anyOf: {tried}'

    # ---- keywords that hold or do not

    def _type(self, value, want):
        names = want if isinstance(want, list) else [want]
        return any(is_type(value, name) for name in names)

    def _enum(self, value, want):
        return any(type(value) is type(item) and value == item
                   for item in want)

    def _pattern(self, value, want):
        return not isinstance(value, str) or re.search(want, value)

    def _minLength(self, value, want):
        return not isinstance(value, str) or len(value) >= want

    def _maxLength(self, value, want):
        return not isinstance(value, str) or len(value) <= want

    def _minimum(self, value, want):
        return not is_type(value, 'number') or value >= want

    def _maximum(self, value, want):
        return not is_type(value, 'number') or value <= want

    def _minItems(self, value, want):
        return not isinstance(value, list) or len(value) >= want

    def _maxItems(self, value, want):
        return not isinstance(value, list) or len(value) <= want

    def _minProperties(self, value, want):
        return not isinstance(value, dict) or len(value) >= want

    def _required(self, value, want):
        return not isinstance(value, dict) or set(want) <= set(value)


def described(document):
    """(where, property) of every property of the components' schemas."""
    found = set()

    def walk(schema, at):
        for key, sub in schema.get('properties', {}).items():
            found.add((at, key))
            walk(sub, f'{at}/{key}')
        for key in ('items', 'additionalProperties'):
            sub = schema.get(key)
            if isinstance(sub, dict):
                walk(sub, f'{at}/{"*" if key != "items" else key}')
        for i, sub in enumerate(schema.get('anyOf', ())):
            walk(sub, f'{at}/anyOf/{i}')
    for name, schema in document['components']['schemas'].items():
        walk(schema, f'#/components/schemas/{name}')
    return found
