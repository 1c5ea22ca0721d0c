// A worker on gearmanode. Arguments: PORT PREFIX; its functions are named PREFIX-something.
'use strict';
const winston = require('winston');

winston.configure({ silent: true }); // gearmanode logs to it as soon as it is loaded
winston.loggers.options = { silent: true };
const gearmanode = require('gearmanode');

const [port, prefix] = process.argv.slice(2);

const worker = gearmanode.worker({ host: '127.0.0.1', port: Number(port), withUnique: true });
const add = (name, callback) => worker.addFunction(`${prefix}-${name}`, callback);

add('reverse', (job) => job.workComplete(job.payload.toString().split('').reverse().join('')));
add('echo', (job) => { job.sendWorkData(job.payload); job.workComplete(''); }); // its result can only be text
add('nothing', (job) => job.workComplete(''));
add('unique', (job) => job.workComplete(job.unique));
add('fail', (job) => job.reportError());
add('exception', (job) => job.reportException('the disk is full'));
add('hang', (job) => job.reportStatus(1, 2));
add('events', (job) => {
  job.sendWorkData('one');
  job.reportWarning('careful');
  for (let part = 1; part <= 3; part++) job.reportStatus(part, 3);
  job.workComplete('done');
});
console.log('ready');
