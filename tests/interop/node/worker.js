// A worker on gearmanode. Arguments: PORT PREFIX; its functions are named PREFIX-something.
'use strict';
const gearmanode = require('gearmanode');

const [port, prefix] = process.argv.slice(2);

gearmanode.Worker.logger.transports.forEach((transport) => { transport.silent = true; });
const worker = gearmanode.worker({ host: '127.0.0.1', port: Number(port), withUnique: true });
const add = (name, callback) => worker.addFunction(`${prefix}-${name}`, callback);

add('reverse', (job) => job.workComplete(Buffer.from(job.payload).reverse().toString('latin1')));
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
