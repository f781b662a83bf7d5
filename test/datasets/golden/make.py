# Makes the golden files of this folder with numpy, the reference for our reader: python3 test/datasets/golden/make.py
import numpy as np, io, struct
d='test/datasets/golden/'
r=np.random.default_rng(7)
arrays={
 'bool':np.array([[True,False],[False,True],[True,True]]),
 'uint8':np.arange(6,dtype='u1').reshape(3,2)*40,
 'int8':(np.arange(6)-3).astype('i1').reshape(3,2),
 'uint16':np.arange(3,dtype='u2')*20000,
 'int16':(np.arange(3)-1).astype('i2')*20000,
 'uint32':np.arange(3,dtype='u4')*2000000000,
 'int32':(np.arange(3)-1).astype('i4')*2000000000,
 'int64':(np.arange(3)-1).astype('i8')*(2**40),
 'float16':np.array([0.1,-65504,6e-8],'f2'),
 'float32':np.array([[0.1],[-3.5],[1e-40]],'f4'),
 'float64':np.array([0.1,-3.5,1e-310]),
}
np.savez_compressed(d+'dtypes.npz',**arrays)
import json
# values of the two samples 2, 0 cast to float32 by numpy
json.dump({k:[int(b) for b in np.ascontiguousarray(v[[2,0]]).tobytes()] for k,v in arrays.items()},open(d+'dtypes-rows-2-0.json','w'))
x=np.arange(24,dtype='f4').reshape(2,3,4)
for v in [(1,0),(2,0),(3,0)]:
    with open(d+f'version-{v[0]}.npy','wb') as f: np.lib.format.write_array(f,x,version=v)
np.save(d+'fortran.npy',np.asfortranarray(x))
np.save(d+'big-endian.npy',x.astype('>f4'))
np.save(d+'records.npy',np.zeros(3,dtype=[('a','f4'),('b','i4')]))
np.save(d+'text.npy',np.array(['a','bc']))
np.save(d+'complex.npy',np.zeros(2,'c8'))
np.save(d+'scalar.npy',np.float32(1))
np.savez(d+'pickled.npz',x=np.array([{'a':1},[2]],dtype=object))
np.save(d+'pickled.npy',np.array([{'a':1},[2]],dtype=object))
np.savez(d+'not-finite.npz',h=np.array([[1,2],[3,np.inf]],'f2'),f=np.array([1,np.nan],'f4'),d=np.array([[-np.inf],[1]]),i=np.array([1,2]))
np.savez(d+'lengths.npz',x=np.zeros(3,'f4'),labels=np.zeros(4,'i8'))
np.savez(d+'empty.npz',x=np.zeros((0,3),'f4'))
# preprocessing
raw=r.integers(0,256,(3,2,2,3)).astype('u1')  # NHWC
scale=[1/127.5,0.0171247538316637,1/255]; offset=[-1,-2.1179,0.5]
ch=raw.transpose(0,3,1,2)
s=np.array(scale,'f4').reshape(1,3,1,1); o=np.array(offset,'f4').reshape(1,3,1,1)
y=ch.astype('f4')*s+o
one=raw.astype('f4')*np.float32(1/127.5)+np.float32(-1)
np.savez_compressed(d+'images.npz',x=raw,labels=np.array([1,0,1]))
json.dump({'scale':scale,'offset':offset,'channels_first_float32':y.ravel().tolist(),'channels_first_float16_bits':y.astype('f2').view('u2').ravel().tolist(),'one_scale_float32':one.ravel().tolist(),'cast_float16_bits':raw.astype('f2').view('u2').ravel().tolist()},open(d+'images-prepared.json','w'))
f=np.concatenate([np.array([0,-0.0,1,65504,65519.99,65520,1e9,-1e9,6.1e-5,5.96e-8,2.98e-8,2.9802322e-8,2.9802326e-8,8.9e-8,np.inf,-np.inf,2049,2051,1.0004883,1.0014648],'f4'),(r.standard_normal(80)*10.0**r.integers(-9,6,80)).astype('f4')])
with np.errstate(over='ignore'): json.dump({'float32_bits':f.view('u4').tolist(),'float16_bits':f.astype('f2').view('u2').tolist()},open(d+'half.json','w'))
