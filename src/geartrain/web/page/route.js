// Where the page is: `#/jobs?function=thumb`, so that any path prefix will do.

import { cell } from './cell.js';

function read() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [page = '', ...rest] = path.split('/');
  return {
    page: page || 'overview',
    name: rest.length ? decodeURIComponent(rest.join('/')) : '',
    query: Object.fromEntries(new URLSearchParams(query)),
  };
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
