// Where the page is: `#/jobs?function=thumb`, so that any path prefix will do.

import { cell } from './cell.js';

const NOWHERE = 'nowhere'; // no page has this name

function read() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [page = '', ...rest] = path.split('/');
  const name = decoded(rest.join('/'));
  return {
    page: name === null ? NOWHERE : page || 'overview',
    name: name ?? '',
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** What a part of an address stands for; null where it stands for nothing. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

export const route = cell(read());
addEventListener('hashchange', () => route.set(read()));

/** The link to a page: of one thing, with a query. */
export function link(page, name = '', query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  const search = given.length ? `?${new URLSearchParams(given)}` : '';
  return `#/${page}${name === '' ? '' : `/${encodeURIComponent(name)}`}${search}`;
}

export function go(where) {
  location.hash = where;
}

/** Change the query where we are, without a new entry in the history. */
export function refine(query) {
  const { page, name } = route.get();
  history.replaceState(null, '', link(page, name, query));
  route.set(read());
}
