// SPDX-License-Identifier: Apache-2.0
// Keeps what it takes, on the heap: a MiB is an array of 131072 numbers.
const kept = [];
const heap = require('v8').getHeapStatistics().heap_size_limit;
console.log(`heap limit ${Math.round(heap / 1048576)}M`);
for (let i = 0; i < 400; i++)
	kept.push(new Array(131072).fill(i + 0.5));
console.log(`has ${kept.length}M`);
