// A client on gearmanode. Arguments: PORT MODE FUNCTION UNIQUE PRIORITY; the workload is on standard input.
'use strict';
const winston = require('winston');

winston.configure({ silent: true }); // gearmanode logs to it as soon as it is loaded
winston.loggers.options = { silent: true };
const gearmanode = require('gearmanode');

const [port, mode, name, unique, priority] = process.argv.slice(2);
const workload = require('fs').readFileSync(0);
const say = (...words) => console.log(words.join(' '));
const packed = (word, bytes) => say(word, Buffer.from(bytes).toString('base64'));

const client = gearmanode.client({ host: '127.0.0.1', port: Number(port) });
const server = client.jobServers[0];

function submit() {
  const job = client.submitJob(name, workload, {
    background: mode !== 'do',
    priority: priority.toUpperCase(),
    unique: unique,
  });
  job.on('created', () => {
    say('created', job.handle);
    if (mode === 'background') client.close();
    if (mode === 'follow') job.getStatus();
  });
  job.on('status', (status) => {
    if (mode === 'do') {
      say('status', status.percent_done_num, status.percent_done_den);
      return;
    }
    say('polled', Number(status.known), Number(status.running), status.percent_done_num, status.percent_done_den);
    if (status.known) setTimeout(() => job.getStatus(), 2);
    else client.close();
  });
  job.on('workData', (bytes) => packed('data', bytes));
  job.on('warning', (bytes) => packed('warning', bytes));
  job.on('complete', () => { packed('complete', job.response); client.close(); });
  job.on('exception', (bytes) => { packed('exception', bytes); client.close(); });
  job.on('failed', () => { say('fail'); client.close(); });
}

client.on('jobServerError', (uid, code) => { say('refused', code); client.close(); });
server.once('option', submit);
server.setOption('exceptions');
