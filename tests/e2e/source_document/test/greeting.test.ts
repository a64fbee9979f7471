import assert from 'node:assert/strict';
import test from 'node:test';
import { greeting } from '../src/greeting';

test('a name is greeted', () => assert.equal(greeting('IC'), 'Hello, IC'));
